"""Checks the arguments that a config gives to a builder (a class or a function) against the builder's signature.

Annotations describe the values: plain types, `Literal`, lists, tuples and dicts of them, and unions. `Annotated` with a
`Made` describes a dict from which something is built; its arguments are checked in the same way.
"""

import inspect
import math
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from segbox.errors import ConfigError, did_you_mean
from segbox.renamed import current_arguments


@dataclass(frozen=True)
class Between:
    """In an annotation: the smallest and the largest number that are allowed."""

    low: float
    high: float


Count = typing.Annotated[int, Between(1, 65_536)]  # channels, pixels per side, ...
Depth = typing.Annotated[int, Between(0, 1000)]  # number of layers
Fraction = typing.Annotated[float, Between(0, 1)]
UNKNOWN = object()  # an offered value that the check cannot know
WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a string", type(None): "None"}
PLURALS = {int: "whole numbers", float: "numbers", str: "strings"}
LISTS = (Sequence, Iterable, Collection, list)
SHOWN = 200  # characters of a wrong value in a message


@dataclass(eq=False)
class Made:
    """In an annotation: the value is a dict from which `by`, a builder or a registry, builds something.

    `offers` are the arguments that the program gives, with values for the check, or UNKNOWN. `beside` is a builder
    whose arguments the dict may hold as well. `trial(builder, arguments, path, **offered)` builds the thing during the
    check, if that opens no files. Parts from outside the package are not built, as their side effects are unknown.
    """

    by: Any
    offers: Mapping[str, Any] = field(default_factory=dict)
    beside: Callable | None = None
    trial: Callable | None = None

    def beside_of(self, builder: Callable) -> Callable | None:
        return self.beside

    def split(self, config: Mapping, path: str) -> tuple[Callable, dict]:
        """The builder, and the arguments that the config gives it."""
        if not hasattr(self.by, "builder_of"):
            return self.by, dict(config)
        return self.by.builder_of(config, path), {key: value for key, value in config.items() if key != "type"}


def parameters_of(builder: Callable | None) -> dict[str, inspect.Parameter]:
    """The named arguments of a builder, with annotations evaluated (those in quotes, too, where their names exist)."""
    if builder is None:
        return {}
    function = builder.__init__ if inspect.isclass(builder) else inspect.unwrap(builder)
    names = getattr(function, "__globals__", {})
    found = inspect.signature(builder).parameters.values()
    named = [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {p.name: p.replace(annotation=_looked_up(p.annotation, names)) for p in named}


def _looked_up(annotation: Any, names: Mapping[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(names))
    except Exception:  # a name that only type checkers know: any value is accepted
        return Any


def given_arguments(arguments: Mapping, path: str, builder: Callable, beside: Callable | None = None) -> dict:
    """The arguments by their current names; a whole number is text where only text is taken (`variant=50`)."""
    takes = parameters_of(beside) | parameters_of(builder)
    return {
        key: str(value) if type(value) is int and key in takes and takes[key].annotation is str else value
        for key, value in current_arguments(arguments, path, builder, beside).items()
    }


def is_own(builder: Callable) -> bool:
    """Whether it is part of segbox or PyTorch, so its ValueErrors are mistakes in the config."""
    return getattr(builder, "__module__", "").split(".")[0] in ("segbox", "torch")


class Check:
    """Finds all mistakes in a config's values. Each is a line that begins with the path of the value.

    `known` are offered values whose real value is known. With `tries`, things that open no files are also built.
    """

    def __init__(self, known: Mapping[str, Any] | None = None, tries: bool = False) -> None:
        self.known = known or {}
        self.tries = tries
        self.outside: list[str] = []  # paths of parts from outside the package

    def arguments(
        self,
        builder: Callable,
        arguments: Any,
        path: str,
        offered: Collection[str] = (),
        beside: Callable | None = None,
    ) -> list[str]:
        """Unknown names, values of the wrong type, and missing arguments."""
        if not isinstance(arguments, Mapping):
            return [f"{path}: expected a dict, got {shown(arguments)}"]
        try:
            arguments = given_arguments(arguments, path, builder, beside)
        except ConfigError as error:
            return [str(error)]
        own, more = parameters_of(builder), parameters_of(beside)
        mistakes = []
        for key, value in arguments.items():
            here = below(path, key)
            if key in more or (key in own and key not in offered):
                found = (self.value(value, names[key].annotation, here) for names in (own, more) if key in names)
                mistakes += next(filter(None, found), [])
            elif key in own:
                mistakes.append(f"{here}: is inferred; remove it from the config")
            else:
                settable = [name for name in {**own, **more} if name not in offered]
                mistakes.append(
                    f"{here}: {builder.__name__} takes no argument {key!r}.{did_you_mean(key, settable)}"
                    f" It takes: {', '.join(settable) or 'none'}"
                )
        for name, parameter in {**own, **more}.items():
            if parameter.default is parameter.empty and name not in arguments and name not in offered:
                mistakes.append(f"{path}: {builder.__name__} needs the argument {name!r}")
        return mistakes

    def made(self, config: Mapping, made: Made, path: str) -> list[str]:
        """Mistakes in a dict from which something is built, at every depth."""
        try:
            builder, arguments = made.split(config, path)
        except ConfigError as error:
            return [str(error)]
        if not is_own(builder):
            self.outside.append(path)
        beside = made.beside_of(builder)
        mistakes = self.arguments(builder, arguments, path, made.offers, beside)
        if mistakes or not self.tries or made.trial is None or not is_own(builder):
            return mistakes
        takes = parameters_of(builder)
        offered = {name: self.known.get(name, value) for name, value in made.offers.items() if name in takes}
        if any(value is UNKNOWN for value in offered.values()):
            return []
        own = {key: value for key, value in given_arguments(arguments, path, builder).items() if key in takes}
        try:
            made.trial(builder, own, path, **offered)
        except ConfigError as error:
            return [str(error)]
        return []

    def value(self, value: Any, annotation: Any, path: str) -> list[str]:
        """Mistakes in one value, and in the values in it."""
        origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            made = next((note for note in inner[1:] if isinstance(note, Made)), None)
            if made is not None and isinstance(value, Mapping):
                return self.made(value, made, path)
            if made is not None:
                return wrong(value, annotation, path) if self.value(value, inner[0], path) else []
            return self.value(value, inner[0], path) or _out_of_range(value, annotation, path)
        if origin in (typing.Union, types.UnionType):
            return self._union(value, annotation, path)
        if origin is Literal:
            is_right = any(value == word and type(value) is type(word) for word in inner)
            return [] if is_right else wrong(value, annotation, path)
        if origin is tuple or origin in LISTS:
            return self._items(value, annotation, path)
        if origin in (Mapping, dict):
            if not isinstance(value, Mapping):
                return wrong(value, annotation, path)
            keys = [m for key in value for m in self.value(key, inner[0], f"{path}, the key {key!r}")]
            return keys + [m for key, item in value.items() for m in self.value(item, inner[1], below(path, key))]
        return _single(value, annotation, path)

    def _union(self, value: Any, annotation: Any, path: str) -> list[str]:
        """The mistakes of the alternative that the value resembles (a list, a dict, or a float that is NaN)."""
        kinds = typing.get_args(annotation)
        found = [self.value(value, kind, path) for kind in kinds]
        if [] in found:
            return []
        outers = {list: list | tuple, dict: Mapping, float: float}
        outer = next((outer for outer, held in outers.items() if isinstance(value, held)), None)
        meant = [mistakes for kind, mistakes in zip(kinds, found) if outer is not None and _outer(kind) is outer]
        return meant[0] if meant else wrong(value, annotation, path)

    def _items(self, value: Any, annotation: Any, path: str) -> list[str]:
        inner = typing.get_args(annotation)
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            return wrong(value, annotation, path)
        is_fixed = typing.get_origin(annotation) is tuple and Ellipsis not in inner
        if is_fixed and len(value) != len(inner):
            return wrong(value, annotation, path)
        kinds = inner if is_fixed else [inner[0]] * len(value)
        return [m for i, (item, kind) in enumerate(zip(value, kinds)) for m in self.value(item, kind, f"{path}.{i}")]


def _single(value: Any, kind: Any, path: str) -> list[str]:
    """Mistakes in a value whose type has no inner types."""
    kind = type(None) if kind is None else kind
    if kind is Any or kind is inspect.Parameter.empty or not inspect.isclass(kind):
        return []  # type variables and the like, which do not describe values of configs
    if kind in (int, float):
        expected = int | float if kind is float else int
        if isinstance(value, bool) or not isinstance(value, expected):
            return wrong(value, kind, path)
        return [] if math.isfinite(value) else [f"{path}: expected a finite number, got {value!r}"]
    is_text_for_list = isinstance(value, str) and kind in LISTS
    return wrong(value, kind, path) if is_text_for_list or not isinstance(value, kind) else []


def _out_of_range(value: Any, annotation: Any, path: str) -> list[str]:
    ranges = [note for note in typing.get_args(annotation)[1:] if isinstance(note, Between)]
    return wrong(value, annotation, path) if any(not own.low <= value <= own.high for own in ranges) else []


def _outer(kind: Any) -> type | None:
    """Whether values of the type are lists, dicts or floats."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return dict if any(isinstance(note, Made) for note in inner) else _outer(inner[0])
    if origin is tuple or origin in LISTS:
        return list
    if kind is float:
        return float
    return dict if (origin or kind) in (Mapping, dict) else None


def wrong(value: Any, annotation: Any, path: str) -> list[str]:
    return [f"{path}: expected {words_for(annotation)}, got {shown(value)}"]


def words_for(annotation: Any) -> str:
    """The name of the type in messages."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        made = next((note for note in inner[1:] if isinstance(note, Made)), None)
        ranges = "".join(f" from {note.low} to {note.high}" for note in inner[1:] if isinstance(note, Between))
        return words_for(inner[0]) + ranges if made is None else "dict(type=..., ...)" if _has_type(made) else "a dict"
    if origin in (typing.Union, types.UnionType):
        held = [kind for kind in inner if not inspect.isclass(kind) or kind in WORDS] or inner
        return " or ".join(dict.fromkeys(map(words_for, held)))
    if origin is Literal:
        return "one of " + ", ".join(f'"{word}"' if isinstance(word, str) else repr(word) for word in inner)
    if origin is tuple and Ellipsis not in inner:
        kinds = {_plural(kind) for kind in inner}
        return f"{len(inner)} {kinds.pop() if len(kinds) == 1 else 'values'}"
    if origin is tuple or origin in LISTS:
        has_parts = _outer(inner[0]) in (list, dict)
        return f"a list, [{words_for(inner[0])}, ...]" if has_parts else f"a list of {_plural(inner[0])}"
    if (origin or annotation) in (Mapping, dict):
        return "a dict"
    return WORDS.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _plural(kind: Any) -> str:
    is_narrowed = typing.get_origin(kind) is typing.Annotated
    return PLURALS.get(typing.get_args(kind)[0] if is_narrowed else kind, "values")


def _has_type(made: Made) -> bool:
    return hasattr(made.by, "builder_of")


def below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
