"""Boundary IoU, per-image IoU and calibration against loops over pixels; all that is counted merges exactly."""

import math

import numpy as np
import pytest
import torch

from segbox.evaluation.boundary_iou import BoundaryIoU
from segbox.evaluation.calibration import CalibrationError
from segbox.evaluation.image_iou import ImageIoU
from segbox.evaluation.metric_set import MetricSet
from segbox.evaluation.metrics import ConfusionMatrix

CLASSES = ("sky", "road", "car", "tree", "sign")


def blobs(seed, shape=(23, 31)):
    """Class maps of patches, and a confidence; some pixels of the target are ignored. Class 4 occurs nowhere."""
    rng = np.random.default_rng(seed)
    height, width = shape
    coarse = rng.integers(0, 4, (2, -(-height // 6), -(-width // 6)))
    prediction, target = (each.repeat(6, 0).repeat(6, 1)[:height, :width].astype(np.uint8) for each in coarse)
    agree = rng.random((height, width)) < 0.6
    target[agree] = prediction[agree]
    target[:3, 4:9] = 255
    target[10:12, 20:] = 255
    confidence = rng.uniform(0.2, 1, (height, width)).astype(np.float32)
    return torch.from_numpy(prediction), torch.from_numpy(target), torch.from_numpy(confidence)


def naive_boundary(labels, ignored, label, distance):
    """Pixels of the class with another class, or the image's edge, in the square around them."""
    height, width = labels.shape
    found = set()
    for y in range(height):
        for x in range(width):
            if ignored[y, x] or labels[y, x] != label:
                continue
            if y < distance or x < distance or y >= height - distance or x >= width - distance:
                found.add((y, x))
                continue
            square = np.s_[y - distance : y + distance + 1, x - distance : x + distance + 1]
            if ((labels[square] != label) & ~ignored[square]).any():
                found.add((y, x))
    return found


@pytest.mark.parametrize("dilation_ratio", [0.001, 0.06])
def test_boundary_iou_is_that_of_a_loop(dilation_ratio):
    metric = BoundaryIoU(CLASSES, dilation_ratio=dilation_ratio)
    both, either = [0] * 5, [0] * 5
    for seed, shape in ((0, (23, 31)), (1, (14, 20))):
        prediction, target, _ = blobs(seed, shape)
        metric.update(prediction, target)
        distance = max(1, round(dilation_ratio * math.hypot(*shape)))
        ignored = target.numpy() == 255
        for label in range(5):
            g = naive_boundary(prediction.numpy(), ignored, label, distance)
            t = naive_boundary(target.numpy(), ignored, label, distance)
            both[label] += len(g & t)
            either[label] += len(g | t)
    expected = [100 * a / b if b else math.nan for a, b in zip(both, either)]
    scores = metric.compute()
    assert [scores[f"BIoU/{name}"] for name in CLASSES] == pytest.approx(expected, nan_ok=True)
    assert scores["mBIoU"] == pytest.approx(np.nanmean(expected)) and 0 < scores["mBIoU"] < 100


def test_a_boundary_is_as_wide_as_the_paper_says():
    """A square of 20 in 100 x 100, one pixel to the right: distance 3, rings of 204 pixels, of which some agree."""
    target, prediction = torch.zeros(2, 100, 100, dtype=torch.uint8)
    target[40:60, 40:60] = 1
    prediction[40:60, 41:61] = 1
    metric = BoundaryIoU(("ground", "square"))
    metric.update(prediction, target)
    ring = 20 * 20 - 14 * 14
    assert metric.counts[1:, 1].tolist() == [ring, ring]
    perfect = BoundaryIoU(("ground", "square"))
    perfect.update(target, target)
    assert perfect.compute()["mBIoU"] == 100 and metric.compute()["BIoU/square"] < 72


@pytest.mark.parametrize("label", [0, 1])
def test_ignored_pixels_make_no_borders(label):
    prediction, target = torch.full((2, 40, 40), label, dtype=torch.uint8)
    target[18:22] = 255
    prediction[18:22] = 1 - label  # what is predicted there does not matter
    metric = BoundaryIoU(("a", "b"))
    metric.update(prediction, target)
    assert metric.counts[:, label].tolist() == [40 * 40 - 38 * 38 - 8] * 3 and not metric.counts[:, 1 - label].any()


def test_image_iou_is_the_mean_of_each_images_own():
    images = [blobs(seed)[:2] for seed in range(3)]
    own = []
    for prediction, target in images:
        matrix = ConfusionMatrix(CLASSES)
        matrix.update(prediction, target)
        own.append(matrix.compute()["mIoU"])
    metric = ImageIoU(CLASSES)
    for prediction, target in images:
        metric.update(prediction, target)
    metric.update(images[0][0], torch.full_like(images[0][1], 255))  # nothing to score: is left out
    assert metric.compute()["imageIoU"] == pytest.approx(np.mean(own), abs=1e-7)
    assert math.isnan(ImageIoU(CLASSES).compute()["imageIoU"])


def test_calibration_error_is_that_of_a_loop():
    metric = CalibrationError()
    bins = [[] for _ in range(15)]
    for seed in range(2):
        prediction, target, confidence = blobs(seed)
        confidence[0, :4] = torch.tensor([1.0, 3 / 15, 1e-9, 0.0])  # the edges of bins
        metric.update(prediction, target, confidence)
        for g, t, c in zip(prediction.flatten().tolist(), target.flatten().tolist(), confidence.flatten().numpy()):
            if t != 255:
                bins[max(0, math.ceil(c * np.float32(15)) - 1)].append((g == t, float(c)))
    count = sum(map(len, bins))
    expected = sum(abs(sum(hit for hit, _ in own) - sum(sure for _, sure in own)) for own in bins) / count
    assert metric.compute()["ECE"] == pytest.approx(100 * expected, abs=1e-4)
    assert metric.counts[0].tolist() == [len(own) for own in bins]
    assert math.isnan(CalibrationError().compute()["ECE"])


def test_a_model_that_is_as_right_as_it_is_sure_has_no_error():
    prediction = torch.zeros(100, dtype=torch.uint8).view(10, 10)
    target = torch.zeros_like(prediction)
    target[:, 7:] = 1
    metric = CalibrationError()
    metric.update(prediction, target, torch.full((10, 10), 0.7))
    assert metric.compute()["ECE"] == pytest.approx(0, abs=1e-4)


def test_merged_parts_are_all_at_once_to_the_last_bit():
    extra = ("mBIoU", "imageIoU", "ECE")
    whole, parts = MetricSet(CLASSES, extra=extra), [MetricSet(CLASSES, extra=extra) for _ in range(3)]
    for seed in range(7):
        whole.update(*blobs(seed))
        parts[seed % 3].update(*blobs(seed))
    parts[2].merge(parts[0])
    parts[2].merge(parts[1])
    assert str(whole.compute()) == str(parts[2].compute()) and whole.counts.sum() > 0


def test_only_what_is_asked_for_is_counted():
    assert not MetricSet(CLASSES).needs_confidence and MetricSet(CLASSES).extra == []
    assert not MetricSet(CLASSES, extra="mBIoU").needs_confidence
    metric = MetricSet(CLASSES, extra=("ECE", "mBIoU", "ECE"))
    metric.update(*blobs(0))
    assert metric.needs_confidence and len(metric.extra) == 2 and {"ECE", "mBIoU", "BIoU/car"} < set(metric.compute())
    with pytest.raises(ValueError, match=r"extra: 'BIoU' is none of mBIoU, imageIoU, ECE\. Did you mean"):
        MetricSet(CLASSES, extra=("BIoU",))


def test_the_background_is_left_out_of_means_over_classes_alone():
    plain, without = (MetricSet(CLASSES, ignore_background=own, extra=("mBIoU", "imageIoU")) for own in (False, True))
    for metric in (plain, without):
        metric.update(*blobs(0))
    a, b = plain.compute(), without.compute()
    for column in ("IoU", "Acc", "Dice", "Fscore", "Precision", "Recall", "BIoU"):
        assert b[f"m{column}"] == pytest.approx(np.nanmean([a[f"{column}/{name}"] for name in CLASSES[1:]]))
    assert b["imageIoU"] == pytest.approx(b["mIoU"]) and a["aAcc"] == b["aAcc"] and a["IoU/sky"] == b["IoU/sky"]
    zero = ConfusionMatrix(CLASSES, absent=0, ignore_background=True)
    zero.update(*blobs(0))
    assert zero.compute()["mIoU"] == pytest.approx(b["mIoU"] * 3 / 4)
    with pytest.raises(ValueError, match="leaves no class"):
        ConfusionMatrix(("sky",), ignore_background=True)
