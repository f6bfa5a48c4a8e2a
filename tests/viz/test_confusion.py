"""The confusion matrix as a picture."""

import numpy as np
import pytest

from segbox.viz.confusion import cells, confusion_picture


@pytest.mark.parametrize(("number", "cell"), [(2, 40), (21, 40), (150, 14)])
def test_each_cell_has_the_colour_of_its_part(number, cell):
    counts = np.diag(np.full(number, 1000))
    counts[0, 1] = counts[0, 0]
    counts[1] = 0
    picture = confusion_picture(counts, [f"class {i}" for i in range(number)])
    left = np.flatnonzero((picture[-20] < 250).all(axis=1))[-1] - number * cell  # the grid's right edge, and back
    top = picture.shape[0] - 9 - number * cell
    corners = {
        (row, column): picture[top + row * cell + 2, left + column * cell + 2] for row in (0, 1) for column in (0, 1)
    }
    assert corners[0, 0][2] > corners[0, 0][0] + 60  # right: blue
    assert corners[0, 1][0] > corners[0, 1][2] + 60  # wrong: red
    assert tuple(corners[1, 0]) == tuple(corners[1, 1]) == (240, 240, 240)  # without pixels: grey
    assert picture.dtype == np.uint8 and picture.shape[1] >= 340


@pytest.mark.parametrize(("number", "cell", "has_numbers"), [(3, 40, True), (40, 14, False)])
def test_numbers_are_written_where_there_is_room(number, cell, has_numbers):
    picture = confusion_picture(np.full((number, number), 10), [str(i) for i in range(number)])
    inside = cells(np.full((number, number), 1 / number), np.ones((number, 1), bool), cell)
    bottom, right = picture.shape[0] - 8, picture.shape[1] - 8
    found = [
        picture[y : y + cell - 1, x : x + cell - 1] for y in (bottom - cell,) for x in range(100, right - cell, cell)
    ]
    plain = {tuple(colour) for colour in inside.reshape(-1, 3)} | {(255, 255, 255)}
    others = {tuple(colour) for own in found for colour in own.reshape(-1, 3)} - plain
    assert bool(others) == has_numbers
