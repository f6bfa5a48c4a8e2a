"""Mean IoU per image: every image counts the same, whatever its size."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import Metric, known_pairs, mean_of_classes, ratio

ONE = 2**32  # an IoU of 1 as an integer: integers are summed exactly in any order


class ImageIoU(Metric):
    """`imageIoU` in percent: the mean over images of the mIoU over the classes that occur in the image.

    Classes that do not occur in an image are left out of its mean, also with `absent=0`.
    """

    def __init__(
        self, classes: Sequence[str], ignore_background: bool = False, ignore_index: int = IGNORE_INDEX
    ) -> None:
        self.classes = tuple(classes)
        self.ignore_background = ignore_background
        self.ignore_index = ignore_index
        self.total = self.images = 0

    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        pairs = known_pairs(prediction, target, len(self.classes), self.ignore_index)
        value = mean_iou(pairs, self.ignore_background)
        if value == value:
            self.total += round(value / 100 * ONE)
            self.images += 1

    def merge(self, other: "ImageIoU") -> None:
        self.total += other.total
        self.images += other.images

    def compute(self) -> dict[str, float]:
        return {"imageIoU": 100 * self.total / ONE / self.images if self.images else float("nan")}


def mean_iou(counts: np.ndarray, ignore_background: bool = False) -> float:
    """The mIoU of a confusion matrix in percent; NaN if no class occurs."""
    hits = np.diag(counts).astype(np.float64)
    both = counts.sum(0) + counts.sum(1)
    return mean_of_classes(ratio(hits, both - hits, both > 0), None, ignore_background)
