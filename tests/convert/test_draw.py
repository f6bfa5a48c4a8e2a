"""Shapes against loops over pixels, and against what pycocotools gave."""

import cv2
import numpy as np
import pytest

from segbox.convert.draw import (
    Shape,
    box_corners,
    decode_rle,
    ellipse,
    fill_polygon,
    fill_polygon_and_outline,
    largest_first,
    paint,
    parse_compressed_rle,
)
from segbox.errors import DataError
from tests.convert.made import SIZE, naive_area


def whole(region, size=SIZE):
    return paint(np.zeros(size, np.uint8), [Shape(1, (region,))]) > 0


def random_polygon(seed: int, corners: int = 7) -> list:
    return np.random.default_rng(seed).uniform((-5, -5), (SIZE[1] + 5, SIZE[0] + 5), (corners, 2)).tolist()


@pytest.mark.parametrize("seed", range(6))
def test_an_area_is_the_pixels_whose_centre_is_inside_even_where_it_crosses_itself(seed):
    points = random_polygon(seed)
    assert (whole(fill_polygon(points, SIZE)) == naive_area(points)).all()


def test_an_area_of_whole_numbers_reaches_from_edge_to_edge():
    inside = whole(fill_polygon([(2, 3), (10, 3), (10, 7), (2, 7)], SIZE))
    assert inside[3:7, 2:10].all() and inside.sum() == 4 * 8
    assert not whole(fill_polygon([(40, 3), (50, 3), (50, 9)], SIZE)).any()
    assert not whole(fill_polygon([(3.1, 3), (3.2, 3), (3.2, 9)], SIZE)).any()


@pytest.mark.parametrize("seed", range(3))
def test_the_outline_of_a_contour_gives_the_mask_back(seed):
    blobs = cv2.GaussianBlur(np.random.default_rng(seed).random(SIZE), (9, 9), 0) > 0.5
    contours, levels = cv2.findContours(blobs.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for contour, level in zip(contours, levels[0]):
        if level[3] < 0 and len(contour) > 2:
            one = np.zeros(SIZE, np.uint8)
            cv2.drawContours(one, [contour], 0, 1, cv2.FILLED)
            assert (whole(fill_polygon_and_outline(contour[:, 0].tolist(), SIZE)) == (one > 0)).all()
            assert (whole(fill_polygon_and_outline(contour[:, 0] + 0.9, SIZE)) == (one > 0)).all()


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_is_the_area_and_at_most_the_pixels_around(seed):
    points = np.clip(np.floor(random_polygon(seed, 4)), 0, (SIZE[1] - 1, SIZE[0] - 1)).tolist()
    outline = whole(fill_polygon_and_outline(points, SIZE))
    inside = naive_area([(x + 0.5, y + 0.5) for x, y in points])
    assert (outline | ~inside).all()
    assert not (outline & ~(cv2.dilate(inside.astype(np.uint8), np.ones((3, 3))) > 0) & ~_near(points)).any()


def _near(points):
    """Within a pixel of an edge."""
    canvas = np.zeros(SIZE, np.uint8)
    cv2.polylines(canvas, [np.array(points, np.int32)], True, 1, 3)
    return canvas > 0


def test_an_ellipse_and_a_turned_box():
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    expected = ((columns - 12) / 6) ** 2 + ((rows - 10) / 3) ** 2 <= 1
    assert (whole(ellipse((12, 10), (6, 3), 0, SIZE)) == expected).all()
    assert (whole(ellipse((12, 10), (3, 6), 90, SIZE)) == expected).all()
    leaning = whole(ellipse((12, 10), (8, 2), 45, SIZE))  # clockwise to the eye, as rows count downwards
    assert leaning[14, 16] and leaning[5, 7] and not leaning[14, 7] and not leaning[5, 16]
    assert leaning.sum() == pytest.approx(np.pi * 8 * 2, rel=0.1)
    assert np.allclose(box_corners(2, 4, 8, 6, 90), [(6, 2), (6, 8), (4, 8), (4, 2)])


def test_runs_are_what_pycocotools_writes():
    expected = np.zeros((20, 30), bool)
    expected[3:17, 5:8] = expected[0:2, 20:29] = expected[10, 10:30] = True
    text = "W3>6000_1CnN00000000000000000F1OO11OO11OO11OO11OO11OO11OO11OO11OO;0F"
    assert (decode_rle(parse_compressed_rle(text), (20, 30), by_column=True) == expected).all()
    assert (decode_rle([1, 2, 3], (2, 3), by_column=False) == [[0, 1, 1], [0, 0, 0]]).all()


def test_small_shapes_come_last():
    large = Shape(1, (fill_polygon([(0, 0), (9, 0), (9, 9), (0, 9)], SIZE),))
    small = Shape(2, (fill_polygon([(0, 0), (2, 0), (2, 2), (0, 2)], SIZE),))
    assert largest_first([small, large]) == [large, small] and large.area == 81


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda: fill_polygon([(0, 0), (float("nan"), 1), (3, 3)], SIZE), "far outside"),
        (lambda: fill_polygon_and_outline([(0, 0), (1e12, 1), (3, 3)], SIZE), "far outside"),
        (lambda: fill_polygon([1, 2, 3], SIZE), "pairs of numbers"),
        (lambda: fill_polygon("no", SIZE), "pairs of numbers"),
        (lambda: decode_rle([5, 10**12], SIZE, True), "do not fill 36x24"),
        (lambda: decode_rle([-1, 865], SIZE, True), "do not fill"),
        (lambda: parse_compressed_rle("é~"), "COCO's characters"),
        (lambda: parse_compressed_rle("o" * 40), "COCO's characters"),
        (lambda: ellipse((2, 2), (1e9, 1), 0, SIZE), "radii"),
    ],
)
def test_nonsense_is_refused(what, message):
    with pytest.raises(DataError, match=message):
        what()
