"""The list of mutants does not rot: each text is still in the source, each test is still there."""

import ast
from collections import Counter

import pytest

from tests.mutants.mutant import ROOT, Mutant, StaleMutant, in_file
from tests.mutants.mutants import MUTANTS


def test_every_mutant_still_changes_the_source_into_another_program():
    for mutant in MUTANTS:
        assert mutant.old.split() != mutant.new.split(), f"{mutant.name} changes nothing"
        ast.parse(mutant.applied_to((ROOT / "segbox" / mutant.file).read_text(encoding="utf-8")))


def test_names_are_given_once_and_tests_exist():
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []
    for mutant in MUTANTS:
        paths = [argument for argument in mutant.arguments() if argument.startswith("tests/")]
        assert paths and all((ROOT / path).exists() for path in paths), mutant.name


def test_the_count_in_contributing_is_that_of_the_list():
    assert f"{len(MUTANTS)} mutants" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "behind", "message"),
    [
        ("nothing", "", "'nothing' is 0 times in a.py"),
        ("x", "", "'x' is 2 times in a.py"),
        ("x", "y", "'y' is 0 times in a.py"),
        ("y = 1", "x = 2", "'y = 1' is 0 times in a.py"),
    ],
)
def test_a_text_that_is_gone_or_ambiguous_is_refused(old, behind, message):
    with pytest.raises(StaleMutant, match=message):
        Mutant("a mutant", "a.py", old, "z", "tests", behind).applied_to("x = 1\nx = 2\n")


def test_a_text_is_replaced_once_behind_another():
    (mutant,) = in_file("a.py", "tests/a.py -k 'b or c'", [("a mutant", "x", "z", "y = 0")])
    assert mutant.applied_to("x = 1\ny = 0\nx = 2\nx = 3\n") == "x = 1\ny = 0\nz = 2\nx = 3\n"
    assert mutant.arguments() == ["tests/a.py", "-k", "b or c"]
