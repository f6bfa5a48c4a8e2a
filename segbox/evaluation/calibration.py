"""Calibration error (https://arxiv.org/abs/1706.04599): how far confidence is from accuracy."""

import numpy as np
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import Metric

ONE = 2**24  # a confidence of 1, in the steps of a float32; integers merge exactly


class CalibrationError(Metric):
    """`ECE`: over bins of equal width, the mean distance of accuracy and mean confidence, by pixels; in percent.

    Confidence is the probability of the guessed class. A bin holds its upper edge, as in the paper.
    """

    needs_confidence = True

    def __init__(self, bins: int = 15, ignore_index: int = IGNORE_INDEX) -> None:
        self.bins = bins
        self.ignore_index = ignore_index
        self.counts = np.zeros((3, bins), dtype=np.int64)  # pixels, those that are right, confidence in steps

    def update(self, guess: Tensor, truth: Tensor, confidence: Tensor | None = None) -> None:
        truth = truth.numpy()
        valid = truth != self.ignore_index
        is_right = (guess.numpy() == truth)[valid]
        sure = confidence.numpy()[valid].clip(0, 1)
        bins = np.ceil(sure * np.float32(self.bins)).astype(np.intp) - 1
        bins[bins < 0] = 0
        steps = np.bincount(bins, np.rint(sure * np.float32(ONE)), minlength=self.bins)  # exact: far below 2**53
        self.counts[0] += np.bincount(bins, minlength=self.bins)
        self.counts[1] += np.bincount(bins[is_right], minlength=self.bins)
        self.counts[2] += steps.astype(np.int64)

    def merge(self, other: "CalibrationError") -> None:
        self.counts += other.counts

    def compute(self) -> dict[str, float]:
        pixels, right, steps = self.counts.astype(np.float64)
        if not pixels.any():
            return {"ECE": float("nan")}
        return {"ECE": 100 * float(np.abs(right - steps / ONE).sum() / pixels.sum())}
