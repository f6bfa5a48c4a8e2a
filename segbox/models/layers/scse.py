"""Squeeze and excitation over channels and over places (https://arxiv.org/abs/1803.02579)."""

import torch
from torch import Tensor, nn

from .squeeze_excitation import SqueezeExcitation

REDUCTION = 16


class SCSE(nn.Module):
    """The map with its channels gated, plus the map with its pixels gated."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.excite = SqueezeExcitation(channels, max(1, channels // REDUCTION))
        self.place = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.excite(x) + x * torch.sigmoid(self.place(x))
