"""The fully convolutional head that papers use as auxiliary head and as baseline."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import checked_level
from .pixel_head import PixelHead


@HEADS.register
class FCNHead(PixelHead):
    """3x3 convolutions and a classifier on one map. Default `channels`: a quarter of the map's, as in the papers.

    `concat_input`, mmsegmentation's default, concatenates the map and mixes both by one more convolution.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        level: int = -1,
        channels: Count | None = None,
        num_convs: Depth = 1,
        dropout: Fraction = 0.1,
        kernel: Count = 3,
        dilation: Count = 1,
        concat_input: bool = False,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even; an odd one keeps the size of the map")
        self.level = checked_level(level, in_channels)
        width = channels or in_channels[level] // 4
        widths = [in_channels[level], *[width] * num_convs]
        steps = zip(widths, widths[1:])
        self.convs = nn.Sequential(*(ConvNormAct(a, b, kernel, dilation=dilation) for a, b in steps))
        self.fuse = ConvNormAct(widths[0] + widths[-1], width, kernel) if concat_input else None
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(width if concat_input else widths[-1], num_classes, 1)

    def pixels(self, features: tuple[Tensor, ...]) -> Tensor:
        x = self.convs(features[self.level])
        return x if self.fuse is None else self.fuse(torch.cat([features[self.level], x], dim=1))
