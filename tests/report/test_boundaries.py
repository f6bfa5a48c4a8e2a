"""Distances to boundaries, against a naive loop."""

import numpy as np

from segbox import IGNORE_INDEX
from segbox.report.boundaries import Boundaries, bands


def naive(target):
    """The band of each pixel: distance to the nearest pixel that touches another class."""
    height, width = target.shape
    edge = []
    for y in range(height):
        for x in range(width):
            near = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
            if any(0 <= v < height and 0 <= u < width and target[v, u] != target[y, x] for v, u in near):
                edge.append((y, x))
    found = np.full(target.shape, 3)
    for y in range(height):
        for x in range(width):
            distance = round(min(((y - v) ** 2 + (x - u) ** 2) ** 0.5 for v, u in edge))
            found[y, x] = 0 if distance <= 2 else 1 if distance <= 5 else 2 if distance <= 10 else 3
    return found


def test_bands_are_those_of_a_naive_loop():
    target = np.zeros((30, 37), np.uint8)
    target[4:9, 3:11] = 1
    target[20:] = 2
    target[25:28, 1:4] = 3
    assert (bands(target) == naive(target)).all() and set(np.unique(naive(target))) == {0, 1, 2, 3}


def test_counts_per_band_and_class():
    rng = np.random.default_rng(0)
    target = np.zeros((40, 60), np.uint8)
    target[:, 30:] = 2
    target[:5] = IGNORE_INDEX
    guess = rng.integers(0, 3, target.shape)
    counted = Boundaries.of_classes(3)
    counted.add(target, guess)
    counted.add(target, guess)
    filled = target.copy()
    filled[:5] = target[5]  # an ignored pixel is as far away as the class behind it
    known, where = target != IGNORE_INDEX, naive(filled)
    for band in range(4):
        for label in range(3):
            inside = known & (where == band) & (target == label)
            assert counted.pixels[band, label] == 2 * inside.sum()
            assert counted.wrong[band, label] == 2 * (inside & (guess != target)).sum()
    assert counted.images == 2


def test_an_ignored_outline_is_a_boundary():
    target = np.zeros((9, 40), np.uint8)
    target[:, 20:] = 1
    target[:, 18:22] = IGNORE_INDEX
    assert bands(target)[4].tolist()[17:23] == [0] * 6 and bands(target)[4, 0] == 3


def test_no_boundary_and_nothing_known():
    counted = Boundaries.of_classes(2)
    counted.add(np.zeros((3, 4), np.uint8), np.ones((3, 4), np.int64))
    counted.add(np.full((3, 4), IGNORE_INDEX, np.uint8), np.ones((3, 4), np.int64))
    assert counted.wrong.tolist() == [[0, 0]] * 3 + [[12, 0]] and counted.pixels.sum() == 12
