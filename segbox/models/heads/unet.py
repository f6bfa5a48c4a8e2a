"""U-Net's decoder for any backbone (https://arxiv.org/abs/1505.04597), with residual blocks."""

import torch
from torch import Tensor, nn

from segbox.models.layers import ConvNormAct, Resizing, SqueezeExcitation
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class UNetHead(DecodeHead):
    """From the last map to the first, with each map concatenated; logits at twice the first map's size.

    `se` adds squeeze and excitation to the blocks, as is usual if the backbone has it.
    """

    def __init__(
        self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], num_classes: int, se: bool = False
    ) -> None:
        super().__init__()
        coarse_to_fine = in_channels[::-1]
        self.ups = nn.ModuleList(UpBlock(a, b, se) for a, b in zip(coarse_to_fine, coarse_to_fine[1:]))
        self.factor = 1 if in_strides[0] == 1 else 2
        self.finish = ConvNormAct(in_channels[0], in_channels[0])
        self.classify = nn.Conv2d(in_channels[0], num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        for up, skip in zip(self.ups, features[-2::-1]):
            x = up(x, skip)
        height, width = x.shape[-2:]
        x = self.resize(x, (self.factor * height, self.factor * width))
        return self.classify(self.finish(x))


class UpBlock(Resizing):
    """Resize to the skip, project to its channels, concatenate, and a residual block to the same channels."""

    def __init__(self, in_channels: int, channels: int, se: bool) -> None:
        super().__init__()
        self.narrow = ConvNormAct(in_channels, channels)
        self.conv1 = ConvNormAct(2 * channels, channels, 3)
        self.conv2 = ConvNormAct(channels, channels, 3, act=None)
        self.excite = SqueezeExcitation(channels, max(1, channels // 16), bias=False) if se else nn.Identity()
        self.shortcut = ConvNormAct(2 * channels, channels, act=None)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.narrow(x, size=skip.shape[-2:], align_corners=self.align_corners)
        x = torch.cat([skip, x], dim=1)
        return torch.relu(self.excite(self.conv2(self.conv1(x))) + self.shortcut(x))
