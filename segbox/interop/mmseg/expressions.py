"""Values of the Python expressions that mmsegmentation configs consist of. Nothing is executed.

What cannot be read (a call of an imported function, say) becomes `Unreadable`, which is an error only if a model needs
it: configs hold much that a model does not depend on.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 10**6  # of one config
LONGEST = 10**5  # string, list or dict that an expression makes
LARGEST = 2**63
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
}
COMPARISONS = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
UNARY = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
FUNCTIONS: dict[str, Callable] = {
    **{kind.__name__: kind for kind in (list, tuple, set)},
    "len": len,
    "enumerate": lambda *given: list(enumerate(*given)),
    "zip": lambda *given: list(zip(*given)),
    "reversed": lambda given: list(reversed(given)),
}
# Functions of single values, or of a list of them: on nested lists some would take forever.
OF_SCALARS: dict[str, Callable] = {
    function.__name__: function for function in (int, float, str, bool, abs, round, sum, min, max, sorted)
}
CONSTANTS = {"inf": math.inf, "nan": math.nan}  # as a printed config holds them
SIZED = (str, list, tuple, dict, set)
PLAIN = (int, float, str, bytes, bool, type(None))


@dataclass(frozen=True)
class Unreadable:
    """A value that cannot be read without running code: its source text."""

    text: str


class TooMuchError(Exception):
    """An expression that would take too much time or memory."""


class Expressions:
    """Evaluates expressions with the names that the config has defined so far. `base` are the values of its bases."""

    def __init__(self, names: dict[str, Any], base: Mapping[str, Any]) -> None:
        self.names = names
        self.base = base
        self.steps = 0

    def value(self, node: ast.expr) -> Any:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooMuchError("takes too many steps")
        read = getattr(self, f"read_{type(node).__name__}", None)
        if read is None:
            return unreadable(node)
        try:
            value = bounded(read(node))
            self.steps += len(value) // (100 if isinstance(value, str) else 1) if isinstance(value, SIZED) else 0
            return value
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return unreadable(node)

    def plain(self, node: ast.expr) -> Any:
        """A value that an expression computes with: it must be readable."""
        value = self.value(node)
        if isinstance(value, Unreadable):
            raise ValueError(value.text)
        return value

    def read_Constant(self, node: ast.Constant) -> Any:
        if not isinstance(node.value, PLAIN):
            return unreadable(node)
        return self.with_base_values(node.value) if isinstance(node.value, str) else node.value

    def with_base_values(self, text: str) -> Any:
        """A string with {{_base_.a.b}} replaced; one that holds nothing else becomes the value itself."""
        whole = BASE_VALUE.fullmatch(text)
        if whole:
            return self.of_base(whole[1])
        return BASE_VALUE.sub(lambda match: str(scalars(self.of_base(match[1]))), text)

    def of_base(self, path: str) -> Any:
        value: Any = self.base
        for step in path.split("."):
            value = value[int(step)] if isinstance(value, list | tuple) else value[step]
        return value

    def read_Name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        return CONSTANTS.get(node.id, unreadable(node))

    def read_Attribute(self, node: ast.Attribute) -> Any:
        path = ast.unparse(node)
        if path.startswith("_base_."):
            return self.of_base(path.removeprefix("_base_."))
        return self.plain(node.value)[node.attr]  # mmengine's dicts have attributes

    def read_List(self, node: ast.List) -> list:
        return list(self.items(node.elts))

    def read_Tuple(self, node: ast.Tuple) -> tuple:
        return tuple(self.items(node.elts))

    def read_Set(self, node: ast.Set) -> Any:
        inner = node.elts[0]
        if len(node.elts) == 1 and isinstance(inner, ast.Set) and len(inner.elts) == 1:
            return self.value(inner.elts[0])  # {{_base_.name}} without quotes
        return set(self.items(node.elts))

    def items(self, nodes: list[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.plain(node.value)
            else:
                yield self.value(node)

    def read_Dict(self, node: ast.Dict) -> dict:
        found: dict = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                found |= self.plain(value)
            else:
                found[self.plain(key)] = self.value(value)
        return found

    def read_Call(self, node: ast.Call) -> Any:
        arguments = list(self.items(node.args))
        named: dict[str, Any] = {}
        for keyword in node.keywords:
            named |= {keyword.arg: self.value(keyword.value)} if keyword.arg else self.plain(keyword.value)
        if not isinstance(node.func, ast.Name) or node.func.id in self.names:
            return self.method(node, arguments, named)
        if node.func.id == "dict":
            return dict(*arguments, **named)
        if any(isinstance(value, Unreadable) for value in (*arguments, *named.values())):
            return unreadable(node)
        if node.func.id == "range":
            return list(bounded(range(*arguments)))
        if node.func.id in OF_SCALARS:
            return OF_SCALARS[node.func.id](*map(scalars, arguments))
        return unreadable(node) if node.func.id not in FUNCTIONS else FUNCTIONS[node.func.id](*arguments, **named)

    def method(self, node: ast.Call, arguments: list, named: dict) -> Any:
        """The result of `x.get(...)` and other methods of plain values that change nothing."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in METHODS:
            return unreadable(node)
        return METHODS[node.func.attr](self.plain(node.func.value), *arguments, **named)

    def read_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.plain(node.left), self.plain(node.right)
        if isinstance(node.op, ast.Mod):
            left, right = float_or_int(left), float_or_int(right)
        if isinstance(node.op, ast.Pow) and not (abs(left) <= 1000 and abs(right) <= 20):
            return unreadable(node)
        if isinstance(node.op, ast.Mult):
            times = next((value for value in (left, right) if isinstance(value, int)), 1)
            for one in (left, right):
                if isinstance(one, str | list | tuple) and len(one) * times > LONGEST:
                    raise TooMuchError("makes a list or a string that is too long")
        return BINARY[type(node.op)](left, right)

    def read_UnaryOp(self, node: ast.UnaryOp) -> Any:
        return UNARY[type(node.op)](self.plain(node.operand))

    def read_BoolOp(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for one in node.values:
            value = self.plain(one)
            if bool(value) == isinstance(node.op, ast.Or):
                break
        return value

    def read_Compare(self, node: ast.Compare) -> Any:
        left = self.plain(node.left)
        for kind, one in zip(node.ops, node.comparators):
            right = self.plain(one)
            if not isinstance(left, PLAIN):
                return unreadable(node)
            if not COMPARISONS[type(kind)](left, right):
                return False
            left = right
        return True

    def read_IfExp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.plain(node.test) else node.orelse)

    def read_Subscript(self, node: ast.Subscript) -> Any:
        return self.plain(node.value)[self.index(node.slice)]

    def index(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            ends = (node.lower, node.upper, node.step)
            return slice(*(None if end is None else self.plain(end) for end in ends))
        return self.plain(node)

    def read_JoinedStr(self, node: ast.JoinedStr) -> str:
        return "".join(self.plain(part) for part in node.values)

    def read_FormattedValue(self, node: ast.FormattedValue) -> str:
        if node.format_spec is not None or node.conversion != -1:
            raise ValueError("a format")
        return str(scalars(self.plain(node.value)))

    def read_ListComp(self, node: ast.ListComp) -> list:
        return [self.value(node.elt) for _ in self.rounds(node.generators)]

    def read_DictComp(self, node: ast.DictComp) -> dict:
        return {self.plain(node.key): self.value(node.value) for _ in self.rounds(node.generators)}

    def rounds(self, generators: list[ast.comprehension]) -> Iterator[None]:
        """One item for each round of a comprehension, in which its variables have their values."""
        first, *others = generators
        before = dict(self.names)
        for item in self.plain(first.iter):
            self.names.update(unpacked(first.target, item))
            if all(self.plain(test) for test in first.ifs):
                yield from self.rounds(others) if others else (None,)
        self.names.clear()
        self.names.update(before)


METHODS: dict[str, Callable] = {
    "copy": lambda value: value.copy(),
    "get": lambda value, *key: value.get(*key),
    "keys": lambda value: list(value.keys()),
    "values": lambda value: list(value.values()),
    "items": lambda value: list(value.items()),
    "split": lambda value, *at: value.split(*at),
}
BASE_VALUE = re.compile(r"\{\{\s*_base_\.([\w.]+)\s*\}\}")


def unpacked(target: ast.expr, value: Any) -> dict[str, Any]:
    """The names that an assignment defines: `a = 1`, `a, b = 1, 2`."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    if isinstance(target, ast.Tuple | ast.List) and isinstance(value, list | tuple):
        if len(target.elts) != len(value):
            raise ValueError("another number of values")
        return {name: one for part, item in zip(target.elts, value) for name, one in unpacked(part, item).items()}
    raise ValueError(f"cannot assign to {ast.unparse(target)}")


def scalars(value: Any) -> Any:
    """A single value, or a list of single values."""
    items = value if isinstance(value, list | tuple | set) else (value,)
    if not all(isinstance(item, PLAIN) for item in items):
        raise TypeError("expected single values")
    return value


def float_or_int(value: Any) -> float | int:
    if not isinstance(value, int | float):
        raise TypeError("expected a number")
    return value


def bounded(value: Any) -> Any:
    """The value, unless it is so large that it would fill the memory."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise TooMuchError("makes a number that is too large")
    if isinstance(value, str | bytes | list | tuple | dict | set | range) and len(value) > LONGEST:
        raise TooMuchError("makes a list or a string that is too long")
    return value


def unreadable(node: ast.AST) -> Unreadable:
    return Unreadable(ast.unparse(node)[:200])
