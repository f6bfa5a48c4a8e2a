"""Focal loss (https://arxiv.org/abs/1708.02002)."""

import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .pixels import ClassWeight, all_classes, mean_over_pixels, weights_of_classes, weights_of_pixels
from .surprise import sum_of_losses


@LOSSES.register
class FocalLoss(Resizing):
    """-(1 - p)^gamma log p of the true class's softmax probability; the mean over valid pixels.

    With two classes or one channel, this is the paper's sigmoid form, and `class_weight=[1 - alpha, alpha]` its alpha.
    The mean is weighted, so `gamma=0` is CrossEntropyLoss.
    """

    name = "focal"

    def __init__(
        self,
        num_classes: int,
        gamma: float = 2.0,
        class_weight: ClassWeight = None,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(f"gamma={gamma}: expected a number of 0 or more")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.num_classes = num_classes
        self.gamma = gamma
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = weights_of_pixels(labels, self.class_weight, self.ignore_index)
        logits = all_classes(logits, self.num_classes)
        total = sum_of_losses(self.score, logits, labels, weights, self.align_corners)
        return mean_over_pixels(total, weights.sum())

    def score(self, surprises: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        error = -torch.expm1(-surprises)  # 1 - p, exact near p = 1
        error = error.clamp(min=torch.finfo(error.dtype).eps)  # where gamma < 1 would have an infinite slope
        power = weights * error**self.gamma
        return power * surprises, power * (1 + self.gamma * surprises * (1 - error) / error)
