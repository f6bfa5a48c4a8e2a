"""Each advice comes with numbers made for it, and not with good ones."""

from dataclasses import replace

import numpy as np
import pytest

from segbox.report.advice import RULES, Facts, advice, shared_by_check
from segbox.report.boundaries import Boundaries
from tests.report.made import made

GOOD = made([[900, 20, 0], [20, 700, 0], [0, 10, 500]], [[800, 20, 0], [20, 600, 0], [0, 10, 500]])
CURVE = [(100, 60.0), (200, 70.0), (300, 72.0), (400, 72.2)]
LOSSES = [(step, 1 / (1 + step / 20)) for step in range(10, 401, 10)]


def boundaries(*bands):
    """(pixels, wrong pixels) of each band."""
    pixels, wrong = np.array(bands).T
    return Boundaries(pixels[:, None], wrong[:, None], 4)


EVEN = boundaries((1000, 200), (1000, 100), (1000, 50), (7000, 200))
RARE = [[9000, 0, 90], [0, 900, 0], [100, 0, 20]]
FOUND = [[9000, 0, 20], [0, 900, 0], [20, 0, 100]]
FIRING = {
    "shared_images": Facts(GOOD, duplicates="3 images of 'val' are in 'train' too"),
    "wide_interval": Facts(GOOD, interval=(66.0, 70.0)),
    "never_predicted": Facts(made([[900, 0, 0], [0, 700, 0], [40, 10, 0]])),
    "rare_and_missed": Facts(made(RARE, RARE, RARE)),
    "dominant_class": Facts(made([[9000, 100], [100, 400]])),
    "still_rising": Facts(GOOD, curve=[(100, 60.0), (200, 70.0), (300, 72.0), (400, 74.0)]),
    "still_falling": Facts(GOOD, losses=[(step, 1 / step) for step in range(10, 401, 10)]),
    "best_long_before": Facts(GOOD, curve=[(100, 60.0), (200, 74.0), (300, 73.0), (400, 71.0)]),
    "learnt_by_heart": Facts(GOOD, train=(GOOD.scores["mIoU"] + 16, 40)),
    "errors_at_boundaries": Facts(GOOD, boundaries=boundaries((1000, 400), (1000, 50), (1000, 20), (7000, 30))),
}
SILENT = {
    "shared_images": Facts(GOOD),
    "wide_interval": Facts(GOOD, interval=(68.0, 70.5)),
    "never_predicted": Facts(made([[900, 0, 0], [0, 700, 0], [40, 10, 9]])),
    "rare_and_missed": Facts(made(FOUND, FOUND, FOUND)),
    "dominant_class": Facts(made([[9000, 100], [100, 4000]])),
    "still_rising": Facts(GOOD, curve=CURVE),
    "still_falling": Facts(GOOD, curve=CURVE, losses=[(step, 1 / step) for step in range(10, 401, 10)]),
    "best_long_before": Facts(GOOD, curve=[(100, 60.0), (200, 71.5), (300, 73.0), (400, 71.0)]),
    "learnt_by_heart": Facts(GOOD, train=(GOOD.scores["mIoU"] + 10, 40)),
    "errors_at_boundaries": Facts(GOOD, boundaries=EVEN),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_it_fires_on_its_numbers_alone(rule):
    (tip,) = rule(FIRING[rule.__name__])
    assert any(letter.isdigit() for letter in tip.why) and tip.title and tip.what.count("`") % 2 == 0
    assert [*rule(SILENT[rule.__name__])] == []


def test_a_thin_class_that_is_missed_is_no_matter_of_boundaries():
    pixels = np.array([[900, 100], [1000, 0], [1000, 0], [7000, 0]])
    wrong = np.array([[10, 90], [2, 0], [1, 0], [1, 0]])
    assert advice(Facts(GOOD, boundaries=Boundaries(pixels, wrong, 4))) == []
    wrong = np.array([[90, 10], [2, 0], [1, 0], [1, 0]])
    assert len(advice(Facts(GOOD, boundaries=Boundaries(pixels, wrong, 4)))) == 1


@pytest.mark.parametrize("values", [(60, 71.5, 71.2, 71.0), (60, 70, 74, 71)])  # a little, and not long before
def test_a_small_or_late_fall_is_no_overfitting(values):
    assert advice(Facts(GOOD, curve=[(100 * i, float(value)) for i, value in enumerate(values, 1)])) == []


def test_good_numbers_need_no_advice():
    assert advice(Facts(GOOD, "mIoU", (69.0, 71.0), CURVE, [], EVEN, (GOOD.scores["mIoU"] + 4, 40))) == []


def test_nothing_is_concluded_from_nothing():
    assert (
        advice(Facts(made([[5]]))) == []
        and advice(Facts(made([[0, 0], [0, 0]]), boundaries=boundaries(*4 * [(0, 0)]))) == []
    )


def test_a_rare_class_on_two_images_is_no_evidence():
    assert advice(Facts(made(RARE, RARE)))[0].title.startswith("Most pixels are")


def test_the_texts_have_the_numbers():
    (tip,) = RULES[[rule.__name__ for rule in RULES].index("still_rising")](FIRING["still_rising"])
    assert "2.0 points" in tip.why and "train.max_steps=800" in tip.what
    (tip,) = advice(FIRING["wide_interval"])
    assert "With 2 images" in tip.why and "66.0 and 70.0: 4.0 points" in tip.why and "About 4 images" in tip.what
    (tip,) = advice(FIRING["never_predicted"])
    assert tip.title == "tree: never predicted" and "3.0 % of the labelled pixels" in tip.why
    tip = advice(FIRING["rare_and_missed"])[0]
    assert tip.what.startswith("Weigh the classes in the loss")
    assert advice(replace(FIRING["rare_and_missed"], is_weighted=True))[0].what.startswith(
        "The loss weighs the classes"
    )
    assert "1.2 % of the labelled pixels, 17 % are found" in tip.why


def test_heads_of_masks_get_no_advice_that_their_loss_refuses():
    for name in ("rare_and_missed", "never_predicted", "dominant_class"):
        text = " ".join(tip.what for tip in advice(replace(FIRING[name], predicts_masks=True)))
        assert "class_weight" not in text and "DiceLoss" not in text, name
    assert "ClassBalancedDataset" in advice(replace(FIRING["rare_and_missed"], predicts_masks=True))[0].what


def test_the_leak_that_a_check_has_found():
    leak = {"kind": "leak", "message": "3 images of 'val' are in 'train' too"}
    assert shared_by_check({"problems": [{"kind": "duplicate", "message": "x"}, leak]}) == leak["message"]
    assert shared_by_check({"problems": []}) == shared_by_check({}) == ""
