"""Cross entropy over the hardest pixels: those whose class is not yet probable."""

import math

import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .cross_entropy import CrossEntropyLoss
from .hardest import largest
from .pixels import ClassWeight


@LOSSES.register
class OHEMThresholdCrossEntropyLoss(Resizing):
    """The mean over the pixels whose true class has a probability of `threshold` or less, but over at least `min_kept`.

    `min_kept` is a number of pixels per image, or, below 1, a fraction of the image. With fewer valid pixels than
    that in the batch, all are used.
    """

    name = "ohem"

    def __init__(
        self,
        num_classes: int,
        threshold: float = 0.7,
        min_kept: float = 1 / 16,
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold={threshold}: expected a probability above 0, up to 1")
        if min_kept < 0 or (min_kept > 1 and min_kept != int(min_kept)):
            raise ValueError(f"min_kept={min_kept}: expected a number of pixels, or a fraction of the image below 1")
        self.cross_entropy = CrossEntropyLoss(num_classes, class_weight, label_smoothing, ignore_index)
        self.surprise = CrossEntropyLoss(num_classes, ignore_index=ignore_index)  # -log p of the true class
        self.threshold = threshold
        self.min_kept = min_kept
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self.cross_entropy(logits, labels.where(self.hard(logits, labels), self.ignore_index))

    def hard(self, logits: Tensor, labels: Tensor) -> Tensor:
        valid = labels != self.ignore_index
        surprises = self.surprise.of_pixels(logits, labels)
        fewest = int(self.min_kept * labels.numel()) if self.min_kept < 1 else int(self.min_kept) * len(labels)
        limit = torch.full((), -math.log(self.threshold), dtype=surprises.dtype, device=surprises.device)
        if fewest:
            rank = torch.full((), min(fewest, labels.numel()), device=labels.device)
            limit = torch.minimum(limit, largest(surprises, valid, rank))
        return valid & ~(surprises < limit)  # NaN is kept: the step is not finite
