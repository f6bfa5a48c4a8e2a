"""The decoders of SETR (https://arxiv.org/abs/2012.15840)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead, checked_level, coarse_levels


@HEADS.register
class SETRUPHead(DecodeHead):
    """A layer norm, then `num_convs` times a convolution and an enlargement by `scale`, then the classifier.

    The defaults are SETR-Naive's; SETR-PUP has four 3x3 convolutions, each followed by an enlargement by 2.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        num_convs: Count = 1,
        kernel: Count = 1,
        scale: Count = 4,
        dropout: Fraction = 0.0,
        level: int = -1,
    ) -> None:
        super().__init__()
        self.level = checked_level(level, in_channels)
        self.scale = scale
        self.norm = nn.LayerNorm(in_channels[level], eps=1e-6)
        widths = [in_channels[level], *[channels] * num_convs]
        self.convs = nn.ModuleList(ConvNormAct(a, b, kernel) for a, b in zip(widths, widths[1:]))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = self.norm(features[self.level].movedim(1, -1)).movedim(-1, 1)
        for conv in self.convs:
            x = conv(x)
            x = self.resize(x, (self.scale * x.shape[-2], self.scale * x.shape[-1]))
        return self.classify(self.dropout(x))


@HEADS.register
class SETRMLAHead(DecodeHead):
    """Two 3x3 convolutions on each map of stride 4 or coarser, all enlarged to `scale` times the finest of them,
    concatenated, and classified. Its neck is MLANeck."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        scale: Count = 4,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        self.levels = coarse_levels(in_strides)
        self.scale = scale
        self.convs = nn.ModuleList(
            nn.Sequential(ConvNormAct(in_channels[i], channels, 3), ConvNormAct(channels, channels, 3))
            for i in self.levels
        )
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(len(self.levels) * channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [features[i] for i in self.levels]
        size = self.scale * maps[0].shape[-2], self.scale * maps[0].shape[-1]
        x = torch.cat([self.resize(conv(x), size) for conv, x in zip(self.convs, maps)], dim=1)
        return self.classify(self.dropout(x))
