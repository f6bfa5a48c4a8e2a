"""Asymmetric non-local networks (https://arxiv.org/abs/1908.07678)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.grid_means import grid_means
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class ANNHead(DecodeHead):
    """Pixels attend to means over coarse grids instead of to all pixels: first to those of the map before the last one,
    then to those of their own map."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        key_channels: Count = 256,
        pool_scales: tuple[Count, ...] = (1, 3, 6, 8),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        low, high = in_channels[-2:] if len(in_channels) > 1 else in_channels * 2  # a backbone may have one map
        self.query = ConvNormAct(high, key_channels)
        self.key = ConvNormAct(low, key_channels)
        self.attend_low = PooledAttention(low, key_channels, high, pool_scales)
        self.fuse = ConvNormAct(2 * high, high, act=None)
        self.reduce = ConvNormAct(high, channels, 3)
        self.embed = ConvNormAct(channels, key_channels)
        self.attend = PooledAttention(channels, key_channels, channels, pool_scales)
        self.mix = ConvNormAct(2 * channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        low, high = features[-2:] if len(features) > 1 else features * 2
        context = self.attend_low(self.query(high), self.key(low), low)
        x = self.fuse(torch.cat([context, high], dim=1))
        x = self.reduce(self.dropout(x))
        embedded = self.embed(x)  # queries and keys
        x = self.mix(torch.cat([self.attend(embedded, embedded, x), x], dim=1))
        return self.classify(self.dropout(x))


class PooledAttention(nn.Module):
    """Scaled attention to the means of keys and values over coarse grids. Its output is zero at first."""

    def __init__(self, in_channels: int, key_channels: int, out_channels: int, pool_scales: Sequence[int]) -> None:
        super().__init__()
        self.pool_scales = pool_scales
        self.scale = key_channels**-0.5
        self.value = nn.Conv2d(in_channels, key_channels, 1)
        self.project = nn.Conv2d(key_channels, out_channels, 1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, query: Tensor, key: Tensor, x: Tensor) -> Tensor:
        value = self.value(self.pooled(x))  # cheaper than the means of the values, and equal: a 1x1 is linear
        return self.project(pixel_attention(query, self.pooled(key), value, self.scale))

    def pooled(self, x: Tensor) -> Tensor:
        """B C H W -> B C n 1: n cells of all grids."""
        return torch.cat([means.flatten(2) for means in grid_means(x, self.pool_scales)], dim=2)[..., None]
