"""Cross entropy over the pixels that have a label."""

import torch.nn.functional as F
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES
from segbox.renamed import renamed

from .banded import banded_map, banded_sum
from .pixels import ClassWeight, all_classes, mean_over_pixels, weights_of_classes, weights_of_pixels
from .surprise import map_of_losses, sum_of_losses


@renamed(unweight="logit_adjustment")
@LOSSES.register
class CrossEntropyLoss(Resizing):
    """Mean over valid pixels (weighted by `class_weight` as in PyTorch); zero, with a gradient, when there are none.

    A model trained with a class weight of w predicts the class as if it were w times as frequent: it finds rare
    classes, and predicts too much of them. `logit_adjustment=a` reduces this factor to w ** (1 - a): the loss adds
    a * log w to the logits, so the model learns logits that are lower by a * log w (arXiv 2007.07314). With a = 1 the
    predicted probabilities follow the data, with a = 0 the weights.
    """

    name = "ce"

    def __init__(
        self,
        num_classes: int,
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
        logit_adjustment: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= logit_adjustment <= 1:
            raise ValueError(f"logit_adjustment={logit_adjustment}: expected a number from 0 to 1")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing={label_smoothing}: expected a number from 0 to below 1")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        positive = self.class_weight.where(self.class_weight > 0, 1)  # classes of weight 0 are not learnt
        self.register_buffer("adjustment", logit_adjustment * positive.log()[:, None, None], persistent=False)
        self.logit_adjustment = logit_adjustment
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        adjusted = self.adjusted(logits)
        weights = weights_of_pixels(labels, self.class_weight, self.ignore_index)
        if self.label_smoothing:
            total = banded_sum(
                lambda *band: self.smoothed(*band).sum(), adjusted, labels, align_corners=self.align_corners
            )
        else:
            total = sum_of_losses(weighted, adjusted, labels, weights, self.align_corners)
        return mean_over_pixels(total, weights.sum())

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted loss of each pixel, B H W, without gradient."""
        adjusted = self.adjusted(logits)
        if self.label_smoothing:
            return banded_map(self.smoothed, adjusted, labels, align_corners=self.align_corners)
        weights = weights_of_pixels(labels, self.class_weight, self.ignore_index)
        return map_of_losses(weighted, adjusted, labels, weights, self.align_corners)

    def adjusted(self, logits: Tensor) -> Tensor:
        """The logits of all classes, with the logit adjustment added."""
        logits = all_classes(logits, self.num_classes)
        return logits + self.adjustment if self.logit_adjustment else logits

    def smoothed(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The weighted loss of each pixel; logits and labels have the same size."""
        return F.cross_entropy(
            logits,
            labels.long(),
            self.class_weight.to(logits.dtype),
            ignore_index=self.ignore_index,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )


def weighted(surprises: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    return weights * surprises, weights
