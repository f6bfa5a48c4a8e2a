"""FastFCN's joint pyramid upsampling (https://arxiv.org/abs/1903.11816)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, Resizing
from segbox.registry import NECKS

DILATIONS = (1, 2, 4, 8)


@NECKS.register
class JPU(Resizing):
    """Approximates the last map of a dilated backbone of stride 8, from the last three maps of one without dilation.

    It returns the maps up to stride 8 unchanged, and its own as the last one: 4 x `channels`, at stride 8.
    """

    def __init__(self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], channels: Count = 512) -> None:
        super().__init__()
        if len(in_strides) < 3 or not in_strides[-3] < in_strides[-2] < in_strides[-1]:
            raise ValueError(
                f"the strides of the last three maps must grow, as 8, 16, 32 do, not {in_strides[-3:]};"
                " JPU stands in for dilation: leave the backbone's output_stride at 32"
            )
        self.convs = nn.ModuleList(ConvNormAct(c, channels, 3) for c in in_channels[-3:])
        self.branches = nn.ModuleList(separable(3 * channels, channels, dilation) for dilation in DILATIONS)
        self.channels = (*in_channels[:-2], len(DILATIONS) * channels)
        self.strides = (*in_strides[:-2], in_strides[-3])

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        size = maps[-3].shape[-2:]
        levels = [self.resize(conv(x), size) for conv, x in zip(self.convs, maps[-3:])]
        x = torch.cat(levels[::-1], dim=1)  # coarsest first, as in the published weights
        x = torch.cat([branch(x) for branch in self.branches], dim=1)
        return (*maps[:-2], x)


def separable(in_channels: int, out_channels: int, dilation: int) -> nn.Sequential:
    """A dilated 3x3 over each channel, then 1x1; one activation, at the end."""
    return nn.Sequential(
        ConvNormAct(in_channels, in_channels, 3, dilation=dilation, groups=in_channels, act=None),
        ConvNormAct(in_channels, out_channels),
    )
