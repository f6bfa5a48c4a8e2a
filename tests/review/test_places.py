"""Places of one image: their kinds, what is a rim, and the numbers, against loops."""

import math

import numpy as np
import pytest

from segbox import IGNORE_INDEX
from segbox.review.places import BORDER, MISSING, NOT_THERE, SWAPPED, WRONG_CLASS, find_places, near_class

SIZE = (60, 80)
CLASSES = ("road", "car", "pole")


def found(label, prediction, best=None, own=None):
    best = np.full(SIZE, math.log(0.9), np.float32) if best is None else best
    own = np.full(SIZE, math.log(0.05), np.float32) if own is None else own
    return find_places(3, "a.png", label, prediction, best, own)


def ids(**boxes):
    """Zeros with boxes: name of anything = (id, top, bottom, left, right)."""
    made = np.zeros(SIZE, np.uint8)
    for own, top, bottom, left, right in boxes.values():
        made[top:bottom, left:right] = own
    return made


@pytest.mark.parametrize(
    ("label", "prediction", "kind", "words"),
    [
        (ids(a=(1, 20, 40, 20, 50)), ids(a=(2, 20, 40, 20, 50)), WRONG_CLASS, "labelled car, model says pole (0.90)"),
        (ids(), ids(a=(1, 20, 40, 20, 50)), MISSING, "model says car inside what is labelled road (0.90)"),
        (ids(a=(1, 20, 40, 20, 50)), ids(), NOT_THERE, "labelled car, model says road, as around it (0.90)"),
        (
            ids(a=(1, 0, 60, 0, 20)),
            ids(a=(1, 0, 60, 0, 35)),
            BORDER,
            "labelled road, model says that car extends to here (0.90)",
        ),
    ],
)
def test_the_kinds(label, prediction, kind, words):
    (place,) = found(label, prediction)
    assert (place.kind, place.index, place.path) == (kind, 3, "a.png")
    assert words in place.sentence(CLASSES)


def test_a_place_has_the_numbers_of_its_pixels():
    label, prediction = ids(), ids(a=(1, 20, 40, 30, 50))
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.5, 0.9, SIZE)
    best, own = np.log(probabilities).astype(np.float32), np.log(1 - probabilities).astype(np.float32)
    (place,) = found(label, prediction, best, own)
    inside = [(y, x) for y in range(20, 40) for x in range(30, 50)]
    assert (place.labelled, place.predicted, place.pixels, place.box) == (0, 1, 400, (30, 20, 20, 20))
    assert place.confidence == pytest.approx(sum(probabilities[at] for at in inside) / 400, rel=1e-5)
    odds = sum(math.log(probabilities[at] / (1 - probabilities[at])) for at in inside) / 400
    assert place.odds == pytest.approx(odds, rel=1e-5)
    assert place.where() == "400 pixels at x=30..49, y=20..39"
    x, y = place.point
    assert 37 <= x <= 42 and 27 <= y <= 32


def test_a_border_that_is_drawn_a_little_elsewhere_is_no_place():
    label, prediction = ids(a=(1, 10, 50, 10, 40)), ids(a=(1, 10, 50, 12, 42))
    assert found(label, prediction) == []


def test_a_thin_object_that_the_label_lacks_is_a_place():
    (place,) = found(ids(), ids(pole=(2, 5, 55, 40, 42)))
    assert (place.kind, place.pixels) == (MISSING, 100)


def test_ignored_pixels_and_specks_are_no_places():
    label = ids(a=(IGNORE_INDEX, 0, 30, 0, 80))
    prediction = ids(a=(1, 0, 30, 0, 80), speck=(2, 50, 53, 50, 55))
    assert found(label, prediction) == []


def test_classes_that_have_changed_places_are_one_place():
    label = ids(a=(1, 5, 25, 5, 25), b=(2, 5, 25, 50, 70), c=(1, 40, 55, 5, 25))
    prediction = np.choose(label, (0, 2, 1)).astype(np.uint8)
    (place,) = found(label, prediction)
    assert place.kind == SWAPPED and place.pixels == 400 + 400 + 300
    assert place.box == (5, 5, 65, 50) and (place.labelled, place.predicted) == (1, 2)
    assert "swapped classes in the whole image: labelled car, model says pole" in place.sentence(CLASSES)
    prediction[5:55, 5:25] = label[5:55, 5:25]  # only one of the two is predicted as the other
    assert [own.kind for own in found(label, prediction)] == [WRONG_CLASS]


def test_classes_of_which_one_is_mostly_right_have_not_changed_places():
    label = ids(a=(1, 5, 25, 5, 25), b=(2, 5, 15, 50, 60), c=(2, 30, 55, 40, 75))
    prediction = label.copy()
    prediction[5:25, 5:25], prediction[5:15, 50:60] = 2, 1
    assert [own.kind for own in found(label, prediction)] == [WRONG_CLASS, WRONG_CLASS]


def test_near_is_measured_on_a_disk():
    one = ids(a=(1, 30, 31, 40, 41))
    near = near_class(one, 1)
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            distance = math.hypot(y - 30, x - 40)
            assert near[y, x] or distance > 1.5
            assert not near[y, x] or distance < 2.9
