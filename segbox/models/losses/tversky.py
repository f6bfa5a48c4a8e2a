"""Tversky loss (https://arxiv.org/abs/1706.05721)."""

from collections.abc import Sequence

from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .pixels import ClassWeight, all_classes, ratio_or_zero, weights_of_classes
from .regions import checked_classes, chosen_classes, mean_over_classes, region_sums


@LOSSES.register
class TverskyLoss(Resizing):
    """1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth) over valid pixels; the mean over classes.

    With beta above alpha, missed pixels cost more than false ones. alpha = beta = 0.5 is the Dice loss with twice the
    `smooth`. `classes` are those that occur in the labels of the batch ("present"), "all", or a list of ids. With two
    classes, "present" and "all" mean the object (1) alone.
    """

    name = "tversky"

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1.0,
        classes: str | Sequence[int] = "present",
        class_weight: ClassWeight = None,
        per_image: bool = False,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if min(alpha, beta, smooth) < 0:
            raise ValueError(f"alpha={alpha}, beta={beta}, smooth={smooth}: expected numbers of 0 or more")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.classes = checked_classes(classes, num_classes, class_weight)
        self.num_classes = num_classes
        self.alpha = alpha
        self.beta = beta
        self.smooth = smooth
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)
        options = self.num_classes, self.ignore_index, self.per_image
        both, predicted, target = region_sums(logits, labels, *options, align_corners=self.align_corners)
        wrong = self.alpha * (predicted - both) + self.beta * (target - both)
        losses = ratio_or_zero(wrong, both + wrong + self.smooth)
        return mean_over_classes(losses, chosen_classes(self.classes, target > 0), self.class_weight)
