"""What a metric is; the confusion matrix, counted exactly, and the scores made from it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segbox import IGNORE_INDEX


class Metric(ABC):
    """Counts images one by one. What it holds are integers, so that parts merge exactly, in any order."""

    needs_confidence = False  # True: `update` is also told how probable each guess was

    @abstractmethod
    def update(self, guess: Tensor, truth: Tensor, confidence: Tensor | None = None) -> None:
        """Count one image: class ids H W. Pixels with the ignored label do not count."""

    @abstractmethod
    def merge(self, other: "Metric") -> None:
        """Count what the other one has counted."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Scores by name; those of a class are called `IoU/road`. NaN where there is nothing to score."""


class ConfusionMatrix(Metric):
    """Pixels by true class (rows) and guessed class (columns), as 64-bit integers; scores in percent.

    Classes that occur neither in guesses nor in labels are left out of the means; `absent=0` counts them as zero,
    as the older toolboxes do. `ignore_background` leaves class 0 out of the means over classes, and of nothing else.
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
        if len(classes) > 255:
            raise ValueError(f"{len(classes)} classes; labels are bytes, so there can be 255 and one to ignore")
        if ignore_background and len(classes) < 2:
            raise ValueError("ignore_background=True: leaves no class to score")
        self.classes = tuple(classes)
        self.absent = absent
        self.ignore_background = ignore_background
        self.ignore_index = ignore_index
        self.counts = np.zeros((len(classes), len(classes)), dtype=np.int64)

    def update(self, guess: Tensor, truth: Tensor, confidence: Tensor | None = None) -> None:
        self.counts += known_pairs(guess, truth, len(self.classes), self.ignore_index)

    def merge(self, other: "ConfusionMatrix") -> None:
        self.counts += other.counts

    def compute(self) -> dict[str, float]:
        """aAcc, mIoU, mAcc, mDice, mFscore, mPrecision, mRecall, then each of them per class (`IoU/road`)."""
        hits = np.diag(self.counts).astype(np.float64)
        truths, guesses = self.counts.sum(1), self.counts.sum(0)
        occurs = truths + guesses > 0
        per_class = {
            "IoU": ratio(hits, truths + guesses - hits, occurs),
            "Acc": ratio(hits, truths, truths > 0),
            "Dice": ratio(2 * hits, truths + guesses, occurs),
            "Fscore": ratio(2 * hits, truths + guesses, occurs),
            "Precision": ratio(hits, guesses, occurs),
            "Recall": ratio(hits, truths, truths > 0),
        }
        scores = {"aAcc": 100 * hits.sum() / max(1, self.counts.sum())}
        for name, values in per_class.items():
            scores[f"m{name}"] = mean_of_classes(values, self.absent, self.ignore_background)
        for name, values in per_class.items():
            scores |= {f"{name}/{label}": float(value) for label, value in zip(self.classes, values)}
        return {name: float(value) for name, value in scores.items()}


def mean_of_classes(values: np.ndarray, absent: float | None, ignore_background: bool) -> float:
    """Over the classes that occur (the others are NaN); over all of them, the others being zero, with `absent=0`."""
    values = values[1:] if ignore_background else values
    if absent == 0:
        return float(np.nan_to_num(values).mean())
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def ratio(part: np.ndarray, whole: np.ndarray, is_defined: np.ndarray) -> np.ndarray:
    """Percent; NaN where it is not defined, 0 where it is and the whole is nothing."""
    percent = 100 * part / np.maximum(whole, 1)
    return np.where(is_defined, percent, np.nan)


def known_pairs(guess: Tensor, truth: Tensor, number: int, ignore_index: int = IGNORE_INDEX) -> np.ndarray:
    """number x number counts of (truth, guess); ids that are no class are refused, never dropped."""
    if guess.shape != truth.shape:
        raise ValueError(f"guess is {tuple(guess.shape)}, truth is {tuple(truth.shape)}")
    pairs = count_pairs(guess, truth)
    known = pairs[:number, :number]
    pairs[ignore_index] = 0
    strange = int(pairs.sum() - known.sum())
    if strange:
        raise ValueError(f"{strange} pixels have class ids outside 0..{number - 1} (and not {ignore_index})")
    return known


def count_pairs(guess: Tensor, truth: Tensor) -> np.ndarray:
    """256 x 256 counts of (truth, guess) bytes. Two bytes packed into one 16-bit number need no mask."""
    if guess.device.type != "cpu":
        packed = truth.to(guess.device).long().flatten() * 256 + guess.long().flatten()
        return torch.bincount(packed, minlength=65536).reshape(256, 256).cpu().numpy()
    packed = truth.numpy().astype(np.uint16).ravel()
    packed <<= 8
    packed |= guess.numpy().astype(np.uint8).ravel()
    return np.bincount(packed, minlength=65536).reshape(256, 256)
