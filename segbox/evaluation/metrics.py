"""The metric interface, and the confusion matrix with mIoU and the other scores that are computed from it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.data.class_names import check_count
from segbox.evaluation.records import ImageCounts


class Metric(ABC):
    """Counts images one by one. The counts are integers, so the counts of processes merge exactly, in any order."""

    needs_confidence = False  # True: `update` also gets the probability of each prediction

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        """Count the image of a path: class ids H W. Pixels with the ignored label do not count."""

    @abstractmethod
    def merge(self, other: "Metric") -> None:
        """Add the counts of another metric of the same kind."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Scores by name; those of a class are called `IoU/road`. NaN where there is nothing to score."""


class ConfusionMatrix(Metric):
    """Pixels by true class (rows) and predicted class (columns), as 64-bit integers; scores in percent.

    Classes that occur neither in predictions nor in targets are left out of the means; `absent=0` counts them as zero.
    `ignore_background` leaves class 0 out of the means over classes, not out of the counts. `images` has the counts of
    each image.
    """

    def __init__(
        self,
        classes: Sequence[str],
        absent: float | None = None,
        ignore_background: bool = False,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        if absent not in (None, 0):
            raise ValueError(f"absent={absent!r}: either None (left out of the means) or 0")
        check_count(len(classes), "the data set")
        if ignore_background and len(classes) < 2:
            raise ValueError("ignore_background=True: leaves no class to score")
        self.classes = tuple(classes)
        self.absent = absent
        self.ignore_background = ignore_background
        self.ignore_index = ignore_index
        self.counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
        self.images: list[ImageCounts] = []

    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        counts = known_pairs(prediction, target, len(self.classes), self.ignore_index)
        self.counts += counts
        self.images.append(ImageCounts.of(path, counts))

    def merge(self, other: "ConfusionMatrix") -> None:
        self.counts += other.counts
        self.images += other.images

    def compute(self) -> dict[str, float]:
        """aAcc, mIoU, mAcc, mDice, mFscore, mPrecision, mRecall, then each of them per class (`IoU/road`)."""
        hits = np.diag(self.counts).astype(np.float64)
        targets, predictions = self.counts.sum(1), self.counts.sum(0)
        occurs = targets + predictions > 0
        per_class = {
            "IoU": ratio(hits, targets + predictions - hits, occurs),
            "Acc": ratio(hits, targets, targets > 0),
            "Dice": ratio(2 * hits, targets + predictions, occurs),
            "Fscore": ratio(2 * hits, targets + predictions, occurs),
            "Precision": ratio(hits, predictions, occurs),
            "Recall": ratio(hits, targets, targets > 0),
        }
        scores = {"aAcc": 100 * hits.sum() / max(1, self.counts.sum())}
        for name, values in per_class.items():
            scores[f"m{name}"] = mean_of_classes(values, self.absent, self.ignore_background)
        for name, values in per_class.items():
            scores |= {f"{name}/{label}": float(value) for label, value in zip(self.classes, values)}
        return {name: float(value) for name, value in scores.items()}


def mean_of_classes(values: np.ndarray, absent: float | None, ignore_background: bool) -> float:
    return float(means_of_classes(values, absent, ignore_background))


def means_of_classes(values: np.ndarray, absent: float | None, ignore_background: bool) -> np.ndarray:
    """The means over the last axis, of classes that occur (others are NaN); with `absent=0` of all, those as zero."""
    values = values[..., 1:] if ignore_background else values
    if absent == 0:
        return np.nan_to_num(values).mean(-1)
    known = np.isfinite(values).sum(-1)
    return np.where(known, np.nansum(values, -1) / np.maximum(known, 1), np.nan)


def ratio(part: np.ndarray, total: np.ndarray, is_defined: np.ndarray | bool) -> np.ndarray:
    """`part / total` in percent: NaN where it is not defined, 0 where the total is 0."""
    percent = 100 * part / np.maximum(total, 1)
    return np.where(is_defined, percent, np.nan)


def known_pairs(prediction: Tensor, target: Tensor, number: int, ignore_index: int = IGNORE_INDEX) -> np.ndarray:
    """number x number counts of (target, prediction). Ids outside of the classes raise ValueError."""
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {tuple(prediction.shape)}, target is {tuple(target.shape)}")
    pairs = count_pairs(prediction, target)
    known = pairs[:number, :number]
    pairs[ignore_index] = 0
    unknown = int(pairs.sum() - known.sum())
    if unknown:
        raise ValueError(f"{unknown} pixels have class ids outside 0..{number - 1} (and not {ignore_index})")
    return known


def count_pairs(prediction: Tensor, target: Tensor) -> np.ndarray:
    """256 x 256 counts of (target, prediction) bytes. Packed into 16-bit numbers, they need no mask."""
    if prediction.device.type != "cpu":
        packed = target.to(prediction.device).long().flatten() * 256 + prediction.long().flatten()
        return torch.bincount(packed, minlength=65536).reshape(256, 256).cpu().numpy()
    packed = target.numpy().astype(np.uint16).ravel()
    packed <<= 8
    packed |= prediction.numpy().astype(np.uint8).ravel()
    return np.bincount(packed, minlength=65536).reshape(256, 256)
