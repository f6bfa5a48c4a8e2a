"""Binary cross entropy, for data sets of two classes: background (0) and object (1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .banded import banded_map, banded_sum
from .hardest import checked_ratio, hardest
from .pixels import log_odds, mean_over_pixels


@LOSSES.register
class BCEWithLogitsLoss(Resizing):
    """Mean over valid pixels, or over the fraction `ohem_ratio` of them with the largest losses.

    As in PyTorch, `pos_weight` multiplies the loss of the object's pixels and does not change the mean's denominator.
    The logits are the log-odds of the object, or the logits of both classes, whose difference is the log-odds.
    """

    name = "bce"

    def __init__(
        self, num_classes: int = 2, pos_weight: float = 1.0, ohem_ratio: float = 1.0, ignore_index: int = IGNORE_INDEX
    ) -> None:
        super().__init__()
        if num_classes != 2:
            raise ValueError(f"BCEWithLogitsLoss is for 2 classes, and there are {num_classes}; use CrossEntropyLoss")
        if pos_weight <= 0:
            raise ValueError(f"pos_weight={pos_weight}: expected a number above 0")
        self.register_buffer("pos_weight", torch.tensor(float(pos_weight)), persistent=False)
        self.ignore_index = ignore_index
        self.set_ohem_ratio(ohem_ratio)

    def set_ohem_ratio(self, ratio: float) -> None:
        self.ohem_ratio = checked_ratio(ratio)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        odds = log_odds(logits)
        valid = labels != self.ignore_index
        if self.ohem_ratio < 1:
            losses = banded_map(self.score, odds, labels, valid, align_corners=self.align_corners)
            valid = hardest(losses, valid, self.ohem_ratio)
        total = banded_sum(lambda *band: self.score(*band).sum(), odds, labels, valid, align_corners=self.align_corners)
        return mean_over_pixels(total, valid.sum())

    def score(self, odds: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
        target = (labels == 1).to(odds.dtype)
        weight = self.pos_weight.to(odds.dtype)
        losses = F.binary_cross_entropy_with_logits(odds[:, 0], target, pos_weight=weight, reduction="none")
        return losses.where(valid, 0)
