"""The confusion matrix against loops over pixels."""

import math

import numpy as np
import pytest
import torch

from segbox.evaluation.metrics import ConfusionMatrix

CLASSES = ("sky", "road", "car", "tree", "sign")


def naive_scores(prediction, target, number, ignored=255):
    """Per class IoU, Acc, Dice, Precision, Recall, by sets of pixels."""
    pairs = [(int(g), int(t)) for g, t in zip(prediction.flatten(), target.flatten()) if int(t) != ignored]
    scores = []
    for k in range(number):
        both = sum(g == k and t == k for g, t in pairs)
        predicted, true = sum(g == k for g, _ in pairs), sum(t == k for _, t in pairs)
        nan = float("nan")
        scores.append(
            {
                "IoU": 100 * both / (predicted + true - both) if predicted + true else nan,
                "Acc": 100 * both / true if true else nan,
                "Recall": 100 * both / true if true else nan,
                "Dice": 200 * both / (predicted + true) if predicted + true else nan,
                "Fscore": 200 * both / (predicted + true) if predicted + true else nan,
                "Precision": 100 * both / max(1, predicted) if predicted + true else nan,
            }
        )
    accuracy = 100 * sum(g == t for g, t in pairs) / len(pairs)
    return accuracy, scores


def sample(seed=0, shape=(2, 9, 11)):
    """Class 3 only in the labels, class 4 nowhere, class 2 only predicted; some pixels ignored."""
    rng = np.random.default_rng(seed)
    target = torch.from_numpy(rng.choice([0, 1, 3, 255], shape).astype(np.uint8))
    prediction = torch.from_numpy(rng.choice([0, 1, 2], shape).astype(np.uint8))
    return prediction, target


def test_scores_are_those_of_a_loop_over_pixels():
    prediction, target = sample()
    matrix = ConfusionMatrix(CLASSES)
    matrix.update(prediction, target)
    scores = matrix.compute()
    accuracy, per_class = naive_scores(prediction, target, 5)
    assert scores["aAcc"] == pytest.approx(accuracy)
    for name in per_class[0]:
        values = [own[name] for own in per_class]
        assert [scores[f"{name}/{label}"] for label in CLASSES] == pytest.approx(values, nan_ok=True)
        assert scores[f"m{name}"] == pytest.approx(np.nanmean(values))


def test_absent_classes_are_left_out_or_count_as_zero():
    prediction, target = sample()
    left_out, zero = ConfusionMatrix(CLASSES), ConfusionMatrix(CLASSES, absent=0)
    for matrix in (left_out, zero):
        matrix.update(prediction, target)
    a, b = left_out.compute(), zero.compute()
    assert math.isnan(a["IoU/sign"]) and a["IoU/car"] == 0 and a["IoU/tree"] == 0
    assert b["mIoU"] == pytest.approx(a["mIoU"] * 4 / 5)
    assert b["mAcc"] == pytest.approx(a["mAcc"] * 3 / 5)  # "car" has no pixel that could be right


def test_precision_is_a_number_wherever_the_class_occurs():
    """A class that is in the labels but never predicted counts as zero; as NaN it would lift mFscore."""
    matrix = ConfusionMatrix(("a", "b"))
    matrix.update(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 1, 1]))
    scores = matrix.compute()
    assert scores["Precision/b"] == scores["Recall/b"] == scores["Fscore/b"] == 0
    assert scores["mPrecision"] == 25 and scores["mFscore"] == pytest.approx(100 / 3) and scores["mRecall"] == 50


def test_merged_parts_are_all_at_once():
    whole, parts = ConfusionMatrix(CLASSES), [ConfusionMatrix(CLASSES) for _ in range(3)]
    for seed in range(6):
        whole.update(*sample(seed))
        parts[seed % 3].update(*sample(seed))
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    assert np.array_equal(whole.counts, parts[0].counts) and whole.counts.dtype == np.int64
    assert str(whole.compute()) == str(parts[0].compute())


def test_counts_do_not_depend_on_number_types_or_order_of_memory():
    prediction, target = sample()
    matrix, other = ConfusionMatrix(CLASSES), ConfusionMatrix(CLASSES)
    matrix.update(prediction, target)
    other.update(prediction.long().mT, target.int().mT)
    assert np.array_equal(matrix.counts, other.counts) and matrix.counts.sum() == int((target != 255).sum())


def test_nothing_to_score():
    matrix = ConfusionMatrix(CLASSES)
    matrix.update(torch.zeros(4, 4, dtype=torch.uint8), torch.full((4, 4), 255, dtype=torch.uint8))
    assert math.isnan(matrix.compute()["mIoU"]) and matrix.compute()["aAcc"] == 0


def test_strange_ids_and_shapes_are_refused():
    matrix = ConfusionMatrix(CLASSES)
    with pytest.raises(ValueError, match=r"2 pixels have class ids outside 0\.\.4 \(and not 255\)"):
        matrix.update(torch.tensor([0, 1, 2]), torch.tensor([0, 7, 7]))
    with pytest.raises(ValueError, match="1 pixels have class ids"):
        matrix.update(torch.tensor([0, 9]), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match=r"prediction is \(2,\), target is \(3,\)"):
        matrix.update(torch.zeros(2), torch.zeros(3))
    assert matrix.counts.sum() == 0
    with pytest.raises(ValueError, match="absent=1"):
        ConfusionMatrix(CLASSES, absent=1)
    with pytest.raises(ValueError, match="256 classes"):
        ConfusionMatrix(["x"] * 256)
