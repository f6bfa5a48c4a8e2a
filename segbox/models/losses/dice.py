"""Dice loss (V-Net, https://arxiv.org/abs/1606.04797)."""

from collections.abc import Sequence

from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .pixels import ClassWeight, all_classes, ratio_or_zero, weights_of_classes
from .regions import checked_classes, chosen_classes, mean_over_classes, region_sums


@LOSSES.register
class DiceLoss(Resizing):
    """1 - (2 Σ p t + smooth) / (Σ p + Σ t + smooth) over valid pixels; the mean over classes.

    `square` uses Σ p² instead of Σ p, as in V-Net. `classes` are those that occur in the labels of the batch
    ("present"), "all", or a list of ids. With two classes, "present" and "all" mean the object (1) alone.
    """

    name = "dice"

    def __init__(
        self,
        num_classes: int,
        smooth: float = 1.0,
        square: bool = False,
        classes: str | Sequence[int] = "present",
        class_weight: ClassWeight = None,
        per_image: bool = False,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if smooth < 0:
            raise ValueError(f"smooth={smooth}: expected a number of 0 or more")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.classes = checked_classes(classes, num_classes, class_weight)
        self.num_classes = num_classes
        self.smooth = smooth
        self.square = square
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)
        options = self.num_classes, self.ignore_index, self.per_image, self.square
        both, predicted, target = region_sums(logits, labels, *options, align_corners=self.align_corners)
        apart = predicted + target - 2 * both  # 1 - Dice in one fraction: zero, not 0 / 0, where there is nothing
        losses = ratio_or_zero(apart, predicted + target + self.smooth)
        return mean_over_classes(losses, chosen_classes(self.classes, target > 0), self.class_weight)
