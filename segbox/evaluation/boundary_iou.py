"""Boundary IoU (https://arxiv.org/abs/2103.16562): the IoU of the pixels near class borders."""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.evaluation.metrics import Metric, mean_of_classes, ratio


class BoundaryIoU(Metric):
    """`mBIoU`, and `BIoU/road` of each class, in percent. Like IoU, they are of pixels summed over all images.

    A pixel is near a border if another class or the edge of the image is within `dilation_ratio` times the image's
    diagonal, in rows and columns. Ignored pixels make no borders: they count as the class next to them.
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
        self.counts = np.zeros(
            (3, len(classes)), dtype=np.int64
        )  # pixels near a border: in both, in the prediction, in the target

    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        prediction, target = prediction.numpy().astype(np.uint8), target.numpy().astype(np.uint8)
        ignored = target == self.ignore_index
        distance = max(1, round(self.dilation_ratio * float(np.hypot(*target.shape))))
        near_prediction, near_target = (
            near_borders(prediction, ignored, distance),
            near_borders(target, ignored, distance),
        )
        both = near_prediction & near_target & (prediction == target)
        for row, labels in enumerate((target[both], prediction[near_prediction], target[near_target])):
            self.counts[row] += np.bincount(labels, minlength=256)[: len(self.classes)]

    def merge(self, other: "BoundaryIoU") -> None:
        self.counts += other.counts

    def compute(self) -> dict[str, float]:
        both, predictions, targets = self.counts.astype(np.float64)
        values = ratio(both, predictions + targets - both, predictions + targets > 0)
        scores = {"mBIoU": mean_of_classes(values, self.absent, self.ignore_background)}
        return scores | {f"BIoU/{label}": float(value) for label, value in zip(self.classes, values)}


def near_borders(labels: np.ndarray, ignored: np.ndarray, distance: int) -> np.ndarray:
    """H W: whether the square of this radius around a pixel holds another class or leaves the image."""
    square = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    lowest = cv2.erode(np.where(ignored, 255, labels), square, borderType=cv2.BORDER_REPLICATE)
    highest = cv2.dilate(np.where(ignored, 0, labels), square, borderType=cv2.BORDER_REPLICATE)
    near = lowest < highest
    for side in (near[:distance], near[-distance:], near[:, :distance], near[:, -distance:]):
        side[:] = True
    return near & ~ignored
