"""Class names from anywhere: what is taken, and what is refused."""

import pytest

from segbox.data.class_names import checked_classes
from segbox.errors import DataError


def test_names_of_all_languages_and_with_slashes():
    names = ["sky", "pole/sign", "..", "Straße", "道路", "کوچه\u200cها", "a b", "<b>", "=1+1", "x" * 100]
    assert checked_classes(names) == tuple(names)


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\0", "\x1b[31ma", "a\u2028", "\udcff", "\u202egnp", "a\tb", "x" * 101, 7, None, ["a"]]
)
def test_names_that_are_refused(name):
    with pytest.raises(
        DataError, match=r"^a\.txt: class 1 is .*; a name is one line of up to 100 characters"
    ) as caught:
        checked_classes(["sky", name], "a.txt")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "1 to 255 different names, got ()"),
        ("sky", "got 'sky'"),
        (5, "got 5"),
        (None, "got None"),
        (["a", "b", "a"], "different names, got 'a' twice"),
        ([str(i) for i in range(256)], "classes: 256 classes; class maps and labels are bytes, which name at most 255"),
    ],
)
def test_lists_that_are_none(names, message):
    with pytest.raises(DataError) as caught:
        checked_classes(names)
    assert message in str(caught.value)
