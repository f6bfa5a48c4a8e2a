"""Values of configs against annotations: each mistake has its place, and says what was expected."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest

from segbox.arguments import Check, Count, Depth, Fraction, Made, parameters_of

Pair = Count | tuple[Count, Count]


@pytest.mark.parametrize(
    ("value", "annotation", "mistakes"),
    [
        (3, int, []),
        (3, float, []),
        (3.0, int, ["x: expected a whole number, got 3.0"]),
        (True, int, ["x: expected a whole number, got True"]),
        (1, bool, ["x: expected True or False, got 1"]),
        (float("inf"), float | None, ["x: expected a finite number, got inf"]),
        (None, float | None, []),
        ("a", float | None, ["x: expected a number or None, got 'a'"]),
        ("a", Any, []),
        (0, Count, ["x: expected a whole number from 1 to 65536, got 0"]),
        (0, Depth, []),
        (1.5, Fraction | None, ["x: expected a number from 0 to 1, got 1.5"]),
        (["a", 3], Pair, ["x.0: expected a whole number, got 'a'"]),
        ([1, 2, 3], Pair, ["x: expected 2 whole numbers, got [1, 2, 3]"]),
        ((1, 2), Pair, []),
        ("ab", Sequence[str], ["x: expected a list of strings, got 'ab'"]),
        (["a", 1, None], Sequence[str], ["x.1: expected a string, got 1", "x.2: expected a string, got None"]),
        ([[1], ["b"]], Sequence[Sequence[int]], ["x.1.0: expected a whole number, got 'b'"]),
        (3, Sequence[Sequence[int]], ["x: expected a list, [a list of whole numbers, ...], got 3"]),
        ({"a": 1, "b": "c"}, Mapping[str, int], ["x.b: expected a whole number, got 'c'"]),
        ({1: 2}, Mapping[str, int], ["x, the key 1: expected a string, got 1"]),
        ([], Mapping[str, int] | None, ["x: expected a dict or None, got []"]),
        ("c", Literal["a", "b"], ['x: expected one of "a", "b", got \'c\'']),
        (1, Literal[True, "b"], ['x: expected one of True, "b", got 1']),
        ("a" * 900, int, [f"x: expected a whole number, got '{'a' * 199}..."]),
        ({"b": 1}, dict[str, Any], []),
    ],
)
def test_values(value, annotation, mistakes):
    assert Check().value(value, annotation, "x") == mistakes


def build(size: Pair, ratio: Annotated[float, "whatever"] = 1.0) -> None:
    raise ValueError("is never built")


def refuse(builder, arguments, path, **offered):
    raise AssertionError(f"was built with {offered}")


def test_a_dict_of_which_something_is_made_is_checked_like_its_builder():
    kind = Annotated[Mapping, Made(build, {"ratio": 2.0}, trial=refuse)]
    check = Check(tries=True)
    assert check.value([{"size": 3}, {"size": [1, "x"], "ratio": 3}, {"sise": 1}, 5], Sequence[kind], "a") == [
        "a.1.size.1: expected a whole number, got 'x'",
        "a.1.ratio: is inferred; remove it from the config",
        "a.2.sise: build takes no argument 'sise'. Did you mean \"size\"? It takes: size",
        "a.2: build needs the argument 'size'",
        "a.3: expected a dict, got 5",
    ]
    assert check.outside == ["a.0", "a.1", "a.2"]  # built nowhere: it is no part of the package


def test_annotations_that_are_text_are_looked_up_and_unknown_names_say_nothing():
    def later(a: "int", b: "NotThere", c: "Pair", *more: int, **others: int) -> None: ...  # noqa: F821

    known = parameters_of(later)
    assert [parameter.annotation for parameter in known.values()] == [int, Any, Pair]
    assert Check().arguments(later, {"a": "x", "b": object, "c": 1}, "p") == ["p.a: expected a whole number, got 'x'"]
