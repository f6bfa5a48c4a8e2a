"""Plain values (numbers, strings, lists, dicts, None): conversion, Python source, and reading it back."""

import ast
import keyword
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from segbox.errors import ConfigError

DEEPEST = 100  # levels of nested dicts and lists
BITS = 63  # of whole numbers, as tensors hold them
PLAIN = (bool, int, float, str)


def as_plain(value: Any, path: str, parents: tuple[int, ...] = ()) -> Any:
    """A copy of dicts, lists, tuples, numbers, strings and None only, which can be written to a file and read back.

    NumPy numbers and strings, NumPy arrays (to lists), paths (to strings), members of IntEnum and StrEnum (to their
    values), ranges and subclasses of the plain types are converted. `path` is the path of the value, for messages.
    """
    if len(parents) > DEEPEST or id(value) in parents:
        why = "contains itself" if id(value) in parents else f"is nested more than {DEEPEST} deep"
        raise ConfigError(f"{path[:100]}{'...' * (len(path) > 100)}: {why}")
    value = _converted(value)
    if isinstance(value, Mapping):
        return _plain_dict(value, path, (*parents, id(value)))
    if isinstance(value, list | tuple):
        kind = list if isinstance(value, list) else tuple
        return kind(as_plain(item, f"{path}.{i}", (*parents, id(value))) for i, item in enumerate(value))
    if isinstance(value, int) and value.bit_length() > BITS:
        raise ConfigError(f"{path}: whole numbers have at most {BITS} bits, this one has {value.bit_length()}")
    if value is None or type(value) in PLAIN:
        return value
    raise ConfigError(f"{path}: configs hold plain values (numbers, strings, lists, dicts), not {_kind(value)}")


def _plain_dict(values: Mapping, path: str, parents: tuple[int, ...]) -> dict:
    plain: dict = {}
    for name, item in values.items():
        key = _converted(name)
        if not (key is None or type(key) in PLAIN):
            raise ConfigError(f"{path}: the keys of a dict are strings or numbers, not {_kind(name)} ({name!r:.100})")
        if key in plain:
            raise ConfigError(f"{path}: two keys of this dict become {key!r}")
        plain[key] = as_plain(item, f"{path}.{key}", parents)
    return plain


def _converted(value: Any) -> Any:
    """The plain form of a single value; containers and values without a plain form are returned unchanged."""
    if isinstance(value, Enum) and isinstance(value, int | str):
        value = value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, range):
        return list(value)
    numpy = sys.modules.get("numpy")  # no NumPy values if nothing has imported NumPy
    if numpy is not None and isinstance(value, numpy.ndarray):
        return value.tolist()
    if numpy is not None and isinstance(value, numpy.bool_):
        return bool(value)
    if numpy is not None and isinstance(value, numpy.integer):
        return int(value)
    if numpy is not None and isinstance(value, numpy.floating):
        return float(value)
    return _without_subclass(value)


def _without_subclass(value: Any) -> Any:
    """The plain number or string of an instance of a subclass, whose own methods are not trusted."""
    for kind, convert in ((int, int.__int__), (float, float.__float__), (str, str.__str__)):
        if isinstance(value, kind) and type(value) not in PLAIN:
            return convert(value)
    return value


def _kind(value: Any) -> str:
    own = type(value)
    return own.__qualname__ if own.__module__ == "builtins" else f"{own.__module__}.{own.__qualname__}"


def as_source(value: Any) -> str:
    """Python source of a plain value, with dict(...) if all keys are identifiers."""
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key) for key in value):
            return f"dict({', '.join(f'{key}={as_source(item)}' for key, item in value.items())})"
        return f"{{{', '.join(f'{key!r}: {as_source(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_source, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(as_source, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return repr(value)


def read_literal(text: str) -> Any:
    """The value of a Python literal, which may have dict(...); other text is returned as a string."""
    try:
        return ast.literal_eval(_DictCalls().visit(ast.parse(text, mode="eval")))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


class _DictCalls(ast.NodeTransformer):
    """dict(a=1) as {"a": 1}, which is a literal."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        names = [argument.arg for argument in node.keywords]
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args or None in names:
            return node
        return ast.Dict([ast.Constant(name) for name in names], [argument.value for argument in node.keywords])


def is_number_as_text(value: Any) -> bool:
    return isinstance(value, str) and isinstance(read_literal(value), int | float)
