import numpy as np
import pytest

from segbox.data.palette import checked_palette, default_palette
from segbox.errors import DataError


def test_colours_differ_and_begin_alike():
    longest = default_palette(255)
    assert len(set(longest)) == 255
    for number in (1, 2, 10, 11, 40):
        assert default_palette(number) == longest[:number]


def test_few_colours_are_far_apart():
    colours = np.array(default_palette(20), float)
    distances = np.linalg.norm(colours[:, None] - colours, axis=-1) + 1e9 * np.eye(20)
    assert distances.min() > 40


def test_more_classes_than_bytes():
    with pytest.raises(ValueError, match="256 classes"):
        default_palette(256)


def test_given_colours():
    assert checked_palette([[0, 1, 2], (255, 0, 0)], 2) == [(0, 1, 2), (255, 0, 0)]


@pytest.mark.parametrize(
    "colours", [None, "ab", [], [(0, 0, 0)], [(0, 0), (0, 0, 0)], [(0, 0, 256)] * 2, [(0, 0, -1)] * 2]
)
def test_colours_that_are_none(colours):
    with pytest.raises(DataError, match=r"^a\.pt: expected 2 colours \(red, green, blue\) of 0 to 255, one per class"):
        checked_palette(colours, 2, "a.pt")
