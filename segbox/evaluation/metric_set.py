"""All metrics of an evaluation: the confusion matrix, and those that cost extra time where the config names them."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from segbox.errors import did_you_mean
from segbox.evaluation.boundary_iou import BoundaryIoU
from segbox.evaluation.calibration import CalibrationError
from segbox.evaluation.image_iou import ImageIoU
from segbox.evaluation.metrics import ConfusionMatrix, Metric

# name of the score -> its metric, from (classes, absent, ignore_background)
EXTRA: dict[str, Callable[[Sequence[str], float | None, bool], Metric]] = {
    "mBIoU": lambda classes, absent, ignore_background: BoundaryIoU(classes, absent, ignore_background),
    "imageIoU": lambda classes, absent, ignore_background: ImageIoU(classes, ignore_background),
    "ECE": lambda classes, absent, ignore_background: CalibrationError(),
}

ERRORS = ("ECE",)  # scores that fall when a model improves


class MetricSet(Metric):
    """The section `metric`. `extra` names scores beside those of the confusion matrix: mBIoU, imageIoU, ECE."""

    def __init__(
        self,
        classes: Sequence[str],
        absent: float | None = None,
        ignore_background: bool = False,
        extra: Sequence[str] = (),
    ) -> None:
        extra = (extra,) if isinstance(extra, str) else extra
        for name in extra:
            if name not in EXTRA:
                raise ValueError(f"extra: {name!r} is none of {', '.join(EXTRA)}.{did_you_mean(name, EXTRA)}")
        self.matrix = ConfusionMatrix(classes, absent, ignore_background)
        self.classes = self.matrix.classes
        self.extra = [EXTRA[name](classes, absent, ignore_background) for name in dict.fromkeys(extra)]
        self.needs_confidence = any(metric.needs_confidence for metric in self.extra)

    @property
    def counts(self) -> np.ndarray:
        """The confusion matrix."""
        return self.matrix.counts

    def update(self, prediction: Tensor, target: Tensor, confidence: Tensor | None = None, path: str = "") -> None:
        for metric in (self.matrix, *self.extra):
            metric.update(prediction, target, confidence, path)

    def merge(self, other: "MetricSet") -> None:
        self.matrix.merge(other.matrix)
        for own, its in zip(self.extra, other.extra, strict=True):
            own.merge(its)

    def compute(self) -> dict[str, float]:
        scores: dict[str, float] = {}
        for metric in (self.matrix, *self.extra):
            scores |= metric.compute()
        return scores
