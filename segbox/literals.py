"""Plain values as Python text, and back."""

import ast
import keyword
from collections.abc import Mapping
from typing import Any


def as_source(value: Any) -> str:
    """Python source of a plain value, with dict(...) where all keys are names."""
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
    """A Python literal (also with dict(...)); what is none is a string."""
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
