"""Cross entropy over the pixels that have a label."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.registry import LOSSES

from .banded import banded_map, banded_sum
from .pixels import ClassWeight, all_classes, mean_over_pixels, weights_of_classes, weights_of_pixels


@LOSSES.register
class CrossEntropyLoss(nn.Module):
    """Mean over valid pixels (weighted by `class_weight` as in PyTorch); zero, with a gradient, when there are none.

    A class of weight w is predicted as if it were w times as frequent: rare ones are found, and too much of them.
    `unweight` takes that back by w ** unweight: the loss sees logits with unweight * log w added, so those that the
    model learns, and predicts by, are lower by as much (logit adjustment, https://arxiv.org/abs/2007.07314). At 1
    probabilities are those of the data, at 0 those of the weights.
    """

    name = "ce"

    def __init__(
        self,
        num_classes: int,
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
        unweight: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= unweight <= 1:
            raise ValueError(f"unweight={unweight}: expected a number from 0 to 1")
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing={label_smoothing}: expected a number from 0 to below 1")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        seen = self.class_weight.where(self.class_weight > 0, 1)  # what has no weight is not learnt either
        self.register_buffer("shift", unweight * seen.log()[:, None, None], persistent=False)
        self.unweight = unweight
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = banded_sum(lambda *band: self.score(*band).sum(), self.shifted(logits), labels)
        return mean_over_pixels(total, weights_of_pixels(labels, self.class_weight, self.ignore_index).sum())

    def of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Each pixel's own, weighted, B H W, without gradient."""
        return banded_map(self.score, self.shifted(logits), labels)

    def shifted(self, logits: Tensor) -> Tensor:
        """Of every class, as the loss sees them."""
        logits = all_classes(logits, self.num_classes)
        return logits + self.shift if self.unweight else logits

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
