"""Boundary IoU (https://arxiv.org/abs/2103.16562): the IoU of what lies near the borders of classes."""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import Metric, mean_of_classes, ratio


class BoundaryIoU(Metric):
    """`mBIoU`, and `BIoU/road` of each class, from pixels summed over all images, as IoU is; in percent.

    A pixel is near a border if another class, or the edge of the image, is at most `dilation_ratio` of the image's
    diagonal away (in rows and in columns). Ignored pixels make no borders: they pass for the class beside them.
    """

    def __init__(
        self,
        classes: Sequence[str],
        absent: float | None = None,
        ignore_background: bool = False,
        dilation_ratio: float = 0.02,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        self.classes = tuple(classes)
        self.absent = absent
        self.ignore_background = ignore_background
        self.dilation_ratio = dilation_ratio
        self.ignore_index = ignore_index
        self.counts = np.zeros((3, len(classes)), dtype=np.int64)  # near in both, in the guess, in the truth

    def update(self, guess: Tensor, truth: Tensor, confidence: Tensor | None = None) -> None:
        guess, truth = guess.numpy().astype(np.uint8), truth.numpy().astype(np.uint8)
        ignored = truth == self.ignore_index
        distance = max(1, round(self.dilation_ratio * float(np.hypot(*truth.shape))))
        near_guess, near_truth = near_borders(guess, ignored, distance), near_borders(truth, ignored, distance)
        both = near_guess & near_truth & (guess == truth)
        for row, labels in enumerate((truth[both], guess[near_guess], truth[near_truth])):
            self.counts[row] += np.bincount(labels, minlength=256)[: len(self.classes)]

    def merge(self, other: "BoundaryIoU") -> None:
        self.counts += other.counts

    def compute(self) -> dict[str, float]:
        both, guesses, truths = self.counts.astype(np.float64)
        values = ratio(both, guesses + truths - both, guesses + truths > 0)
        scores = {"mBIoU": mean_of_classes(values, self.absent, self.ignore_background)}
        return scores | {f"BIoU/{label}": float(value) for label, value in zip(self.classes, values)}


def near_borders(labels: np.ndarray, ignored: np.ndarray, distance: int) -> np.ndarray:
    """H W: where the square of this radius around a pixel holds another class or ends outside the image."""
    square = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    lowest = cv2.erode(np.where(ignored, 255, labels), square, borderType=cv2.BORDER_REPLICATE)
    highest = cv2.dilate(np.where(ignored, 0, labels), square, borderType=cv2.BORDER_REPLICATE)
    near = lowest < highest
    for side in (near[:distance], near[-distance:], near[:, :distance], near[:, -distance:]):
        side[:] = True
    return near & ~ignored
