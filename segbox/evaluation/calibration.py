"""Calibration error (https://arxiv.org/abs/1706.04599): the distance of confidence from accuracy."""

import numpy as np
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import Metric

ONE = 2**24  # a confidence of 1 as an integer: integers are summed exactly in any order


class CalibrationError(Metric):
    """`ECE` in percent: over bins of equal width, the mean of |accuracy - mean confidence|, weighted by pixels.

    Confidence is the probability of the predicted class. A bin includes its upper edge, as in the paper.
    """

    needs_confidence = True

    def __init__(self, bins: int = 15, ignore_index: int = IGNORE_INDEX) -> None:
        self.bins = bins
        self.ignore_index = ignore_index
        self.counts = np.zeros((3, bins), dtype=np.int64)  # pixels, correct pixels, sum of confidence

    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        target = target.numpy()
        valid = target != self.ignore_index
        is_correct = (prediction.numpy() == target)[valid]
        sure = confidence.numpy()[valid].clip(0, 1)
        bins = np.ceil(sure * np.float32(self.bins)).astype(np.intp) - 1
        bins[bins < 0] = 0
        steps = np.bincount(bins, np.rint(sure * np.float32(ONE)), minlength=self.bins)  # exact: far below 2**53
        self.counts[0] += np.bincount(bins, minlength=self.bins)
        self.counts[1] += np.bincount(bins[is_correct], minlength=self.bins)
        self.counts[2] += steps.astype(np.int64)

    def merge(self, other: "CalibrationError") -> None:
        self.counts += other.counts

    def compute(self) -> dict[str, float]:
        pixels, correct, steps = self.counts.astype(np.float64)
        if not pixels.any():
            return {"ECE": float("nan")}
        return {"ECE": 100 * float(np.abs(correct - steps / ONE).sum() / pixels.sum())}
