"""DeepLabV3+ (https://arxiv.org/abs/1802.02611)."""

from typing import Literal

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.aspp import ASPP, atrous_rates, cells, dilated_conv3x3, separable_conv3x3
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class DeepLabV3PlusHead(DecodeHead):
    """DeepLabV3's pyramid, upsampled to a fine map, concatenated with it and refined.

    The fine map is the coarsest one of stride 4 or less, otherwise the finest; a single map is refined alone. The
    default are plain 3x3 convolutions; `separable` replaces them by the paper's separable ones. The pyramid's branches
    are mixed by a 1x1 convolution; mmsegmentation has `mix_kernel=3`, and 512 channels. With `image_window` (height,
    width in pixels: the crops' size), images that are larger than it have means of windows in place of the image's.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        low_channels: Count = 48,
        rates: tuple[Count, ...] | None = None,
        separable: bool = False,
        dropout: Fraction = 0.1,
        mix_kernel: Literal[1, 3] = 1,
        image_window: tuple[Count, Count] | None = None,
    ) -> None:
        super().__init__()
        self.low_levels = low_levels(in_strides)  # one index, or none
        conv3x3 = separable_conv3x3 if separable else dilated_conv3x3
        rates = atrous_rates(in_strides[-1]) if rates is None else rates
        window = cells(image_window, in_strides[-1])
        self.pyramid = ASPP(
            in_channels[-1], channels, rates, separable=separable, mix_kernel=mix_kernel, image_window=window
        )
        self.reduce = nn.ModuleList(ConvNormAct(in_channels[i], low_channels) for i in self.low_levels)
        joined = channels + low_channels * len(self.low_levels)
        self.refine = nn.Sequential(conv3x3(joined, channels), conv3x3(channels, channels))
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [self.pyramid(features[-1]), *(reduce(features[i]) for i, reduce in zip(self.low_levels, self.reduce))]
        size = maps[-1].shape[-2:]
        join, refine = self.refine
        if isinstance(join, ConvNormAct):
            x = join(*maps, size=size, align_corners=self.align_corners)
        else:
            x = join(torch.cat([self.resize(x, size) for x in maps], dim=1))
        return self.classify(self.dropout(refine(x)))


def low_levels(in_strides: tuple[int, ...]) -> list[int]:
    fine = [i for i, stride in enumerate(in_strides) if stride <= 4] or [0]
    return [i for i in fine[-1:] if i < len(in_strides) - 1]
