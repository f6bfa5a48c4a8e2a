"""Huber loss of probabilities (https://doi.org/10.1214/aoms/1177703732)."""

from torch import Tensor
from torch.nn import functional as F

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .banded import banded_sum
from .pixels import all_classes, mean_over_pixels, one_hot


@LOSSES.register
class HuberLoss(Resizing):
    """Of the probabilities' differences from the target: d² / 2 up to `delta`, from there on straight.

    The sum over classes, the mean over valid pixels. Unlike cross entropy, it is bounded, so that wrong labels pull
    less; with `delta=1` it is half the Brier score.
    """

    name = "huber"

    def __init__(self, num_classes: int, delta: float = 0.5, ignore_index: int = IGNORE_INDEX) -> None:
        super().__init__()
        if delta <= 0:
            raise ValueError(f"delta={delta}: expected a number above 0")
        self.delta = delta
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)

        def terms(logits: Tensor, labels: Tensor) -> Tensor:
            target = one_hot(labels, self.num_classes, self.ignore_index)
            losses = F.huber_loss(logits.softmax(dim=1), target.to(logits.dtype), reduction="none", delta=self.delta)
            return losses.where((labels != self.ignore_index)[:, None], 0).sum()

        total = banded_sum(terms, logits, labels, align_corners=self.align_corners)
        return mean_over_pixels(total, (labels != self.ignore_index).sum())
