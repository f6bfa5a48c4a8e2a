"""Cross entropy over the pixels that have a label."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.registry import LOSSES

from .banded import banded_map, banded_sum
from .pixels import all_classes, mean_over_pixels, weights_of_classes, weights_of_pixels


@LOSSES.register
class CrossEntropyLoss(nn.Module):
    """Mean over valid pixels (weighted by `class_weight` as in PyTorch); zero, with a gradient, when there are none."""

    name = "ce"

    def __init__(
        self,
        num_classes: int,
        class_weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing={label_smoothing}: expected a number from 0 to below 1")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = banded_sum(lambda *band: self.score(*band).sum(), all_classes(logits, self.num_classes), labels)
        return mean_over_pixels(total, weights_of_pixels(labels, self.class_weight, self.ignore_index).sum())

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Each pixel's own, weighted, B H W, without gradient."""
        return banded_map(self.score, all_classes(logits, self.num_classes), labels)

    def score(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Of logits that have the labels' size."""
        return F.cross_entropy(
            logits,
            labels.long(),
            self.class_weight.to(logits.dtype),
            ignore_index=self.ignore_index,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
