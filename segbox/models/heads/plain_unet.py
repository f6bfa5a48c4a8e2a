"""U-Net's own decoder (https://arxiv.org/abs/1505.04597); the encoder is the backbone `UNetEncoder`."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.models.layers import Resizing
from segbox.models.layers.conv_stack import conv_stack
from segbox.models.layers.up_conv import up_conv
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class PlainUNetHead(DecodeHead):
    """Upsample, concatenate, two 3x3 convolutions, from the last map to the first.

    `transposed` is the paper's learned 2x2 upsampling; otherwise bilinear and a 2x2 convolution.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        norm: bool = False,
        bias: bool = False,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        channels, strides = in_channels[::-1], in_strides[::-1]  # coarse to fine
        factors = [a // b for a, b in zip(strides, strides[1:])]
        self.ups = nn.ModuleList(
            up_conv(a, b, factor) if transposed else BilinearUp(a, b, factor)
            for a, b, factor in zip(channels, channels[1:], factors)
        )
        self.blocks = nn.ModuleList(conv_stack(2 * c, c, c, norm=norm, bias=bias) for c in channels[1:])
        self.classify = nn.Conv2d(in_channels[0], num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        for up, block, skip in zip(self.ups, self.blocks, features[-2::-1]):
            x = block(torch.cat([skip, self.resize(up(x), skip.shape[-2:])], dim=1))
        return self.classify(x)


class BilinearUp(Resizing):
    """Interpolation, then a 2x2 convolution that keeps the size (one row and column of padding at the far side)."""

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(in_channels, out_channels, 2, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.resize(x, (self.factor * height, self.factor * width))
        return torch.relu(self.conv(F.pad(x, (0, 1, 0, 1))))
