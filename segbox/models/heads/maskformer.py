"""MaskFormer (https://arxiv.org/abs/2107.06278), for classes of pixels."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.sine_positions import sine_positions
from segbox.models.layers.transformer import AttentionLayer, MLPLayer
from segbox.registry import HEADS

from .head import coarse_levels
from .mask_head import MaskHead, Masks
from .mask_predictor import MaskPredictor

GROUPS = 32


@HEADS.register
class MaskFormerHead(MaskHead):
    """Queries look at the last map; their masks are products with the pixels of a feature pyramid.

    The predictions of all `num_layers` blocks are trained. The pyramid has the maps of stride 4 and coarser.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        mask_channels: Count = 256,
        num_queries: Count = 100,
        num_layers: Count = 6,
        hidden: Count = 2048,
        num_heads: Count = 8,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if channels % 4:
            raise ValueError(f"channels {channels}: sines and cosines of rows and columns need a multiple of 4")
        self.levels = coarse_levels(in_strides)
        self.pixel_decoder = NearestPyramid([in_channels[i] for i in self.levels], channels, mask_channels)
        self.project = nn.Conv2d(in_channels[-1], channels, 1)
        self.query_positions = nn.Parameter(torch.randn(num_queries, channels))
        self.blocks = nn.ModuleList(Block(channels, hidden, num_heads, dropout) for _ in range(num_layers))
        self.predict = MaskPredictor(channels, mask_channels, num_classes)

    def forward(self, features: tuple[Tensor, ...]) -> Masks:
        pixels, states = self.decode(features)
        return self.predict(states[-1], pixels)

    def layers(self, features: tuple[Tensor, ...]) -> list[Masks]:
        pixels, states = self.decode(features)
        return [self.predict(state, pixels) for state in states]

    def decode(self, features: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """The embeddings of pixels, B C h w, and the queries behind each block, B Q C, which begin at zero."""
        last = self.project(features[-1])
        value = last.flatten(2).mT
        key = value + sine_positions(last, last.shape[1])
        queries = torch.zeros_like(self.query_positions).expand(last.shape[0], -1, -1)
        states = []
        for block in self.blocks:
            queries = block(queries, self.query_positions, key, value)
            states.append(queries)
        return self.pixel_decoder([features[i] for i in self.levels]), states


class Block(nn.Module):
    """Attention between queries, attention to the map, and two linear layers."""

    def __init__(self, channels: int, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.exchange = AttentionLayer(channels, heads, dropout)
        self.look = AttentionLayer(channels, heads, dropout)
        self.mlp = MLPLayer(channels, hidden, dropout)

    def forward(self, x: Tensor, positions: Tensor, key: Tensor, value: Tensor) -> Tensor:
        placed = x + positions
        x = self.exchange(x, placed, placed, x)
        return self.mlp(self.look(x, x + positions, key, value))


class NearestPyramid(nn.Module):
    """Maps, finest first, from the coarsest on: each is joined with the next one, enlarged by nearest neighbours."""

    def __init__(self, in_channels: Sequence[int], channels: int, out_channels: int) -> None:
        super().__init__()
        *finer, last = in_channels
        self.begin = nn.Sequential(conv_norm(last, channels, 3), nn.ReLU())
        self.lateral = nn.ModuleList(conv_norm(c, channels, 1) for c in finer)
        self.smooth = nn.ModuleList(nn.Sequential(conv_norm(channels, channels, 3), nn.ReLU()) for _ in finer)
        self.embed = nn.Conv2d(channels, out_channels, 3, padding=1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        *finer, last = features
        x = self.begin(last)
        for lateral, smooth, f in zip(*map(reversed, (self.lateral, self.smooth, finer)), strict=True):
            own = lateral(f)
            x = smooth(own + F.interpolate(x, own.shape[-2:], mode="nearest"))
        return self.embed(x)


def conv_norm(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        nn.GroupNorm(GROUPS, out_channels),
    )
