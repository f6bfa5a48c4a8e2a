"""Three 3x3 convolutions around a block that gathers context, as GCNet, the non-local heads and EMANet have them."""

import torch
from torch import Tensor, nn

from .conv import ConvNormAct


class ContextConvs(nn.Module):
    """To `inner` channels, `context` (which keeps the shape), to `channels`; then mixed with the input.

    `inner` is `channels` where it is not given.
    """

    def __init__(self, in_channels: int, channels: int, context: nn.Module, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or channels
        self.reduce = ConvNormAct(in_channels, inner, 3)
        self.context = context
        self.refine = ConvNormAct(inner, channels, 3)
        self.fuse = ConvNormAct(in_channels + channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(torch.cat([x, self.refine(self.context(self.reduce(x)))], dim=1))
