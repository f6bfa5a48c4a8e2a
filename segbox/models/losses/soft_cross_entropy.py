"""Cross entropy with class probabilities as targets: uncertain or mixed labels, or another model's predictions."""

import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .banded import banded_map, banded_sum
from .hardest import checked_ratio, hardest
from .pixels import ClassWeight, all_classes, mean_over_pixels, one_hot, weights_of_classes, weights_of_pixels


@LOSSES.register
class SoftCrossEntropyLoss(Resizing):
    """Targets are probabilities B K H W, all zero for ignored pixels; or labels B H W, as in other losses.

    The mean over labelled pixels (weighted by `class_weight`), or over the fraction `ohem_ratio` of them with the
    largest losses.
    """

    name = "soft_ce"

    def __init__(
        self,
        num_classes: int,
        ohem_ratio: float = 1.0,
        class_weight: ClassWeight = None,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.set_ohem_ratio(ohem_ratio)

    def set_ohem_ratio(self, ratio: float) -> None:
        self.ohem_ratio = checked_ratio(ratio)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)
        mass = self.mass_of_pixels(targets)
        if self.ohem_ratio < 1:
            losses = banded_map(self.score, logits, targets, mass > 0, align_corners=self.align_corners)
            mass = mass.where(hardest(losses, mass > 0, self.ohem_ratio), 0)
        maps = targets, mass > 0
        total = banded_sum(lambda *band: self.score(*band).sum(), logits, *maps, align_corners=self.align_corners)
        return mean_over_pixels(total, mass.sum())

    def mass_of_pixels(self, targets: Tensor) -> Tensor:
        """B H W: the class weight of each pixel's target."""
        if targets.dim() == 3:
            return weights_of_pixels(targets, self.class_weight, self.ignore_index)
        if targets.shape[1] != self.num_classes:
            raise ValueError(f"targets of {targets.shape[1]} probabilities for {self.num_classes} classes")
        return torch.einsum("bkhw,k->bhw", targets.to(self.class_weight.dtype), self.class_weight)

    def score(self, logits: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
        if targets.dim() == 3:
            targets = one_hot(targets, self.num_classes, self.ignore_index)
        weights = targets.to(logits.dtype) * self.class_weight.to(logits.dtype)[:, None, None]
        return -(weights * logits.log_softmax(dim=1)).sum(dim=1).where(counts, 0)
