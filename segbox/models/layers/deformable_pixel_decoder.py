"""Mask2Former's pixel decoder (https://arxiv.org/abs/2112.01527): maps exchange what they hold by deformable attention,
and the finest map (of stride 4), which takes no part in this, is joined with the finest of them."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from .deformable_attention import DeformableAttention, centers
from .resize import Resizing
from .sine_positions import sine_positions
from .transformer import MLPLayer

GROUPS = 32
Level = TypeVar("Level")  # a map, or its number of channels


class DeformablePixelDecoder(Resizing):
    """Maps, finest first, to the embeddings of pixels (at the finest map's size) and the other maps, coarsest first. A
    single map is both."""

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        mask_channels: int,
        depth: int,
        hidden: int,
        heads: int,
        points: int,
    ) -> None:
        super().__init__()
        fine, coarse = divided(in_channels)
        self.num_maps = len(coarse)
        self.channels = channels
        self.project = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, channels, 1), nn.GroupNorm(GROUPS, channels)) for c in reversed(coarse)
        )
        self.level_embedding = nn.Parameter(torch.randn(len(coarse), channels))
        self.blocks = nn.ModuleList(Block(channels, hidden, heads, len(coarse), points) for _ in range(depth))
        self.lateral = nn.Sequential(nn.Conv2d(fine, channels, 1, bias=False), nn.GroupNorm(GROUPS, channels))
        self.smooth = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, channels), nn.ReLU()
        )
        self.embed = nn.Conv2d(channels, mask_channels, 1)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        fine, coarse = divided(features)
        maps = [project(x) for project, x in zip(self.project, reversed(coarse), strict=True)]
        maps = self.exchange(maps)
        x = self.lateral(fine)
        x = self.smooth(x + self.resize(maps[-1], x.shape[-2:]))
        return self.embed(x), maps

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        sizes = [tuple(x.shape[-2:]) for x in maps]
        tokens = torch.cat([x.flatten(2).mT for x in maps], dim=1)  # B N C
        levels = zip(maps, self.level_embedding)
        positions = torch.cat([sine_positions(x, self.channels) + level for x, level in levels], dim=1)  # 1 N C
        places = torch.cat([centers(size, maps[0]) for size in sizes])  # N 2
        for block in self.blocks:
            tokens = block(tokens, positions, places, sizes)
        parts = tokens.split([h * w for h, w in sizes], dim=1)
        return [part.mT.unflatten(2, size) for part, size in zip(parts, sizes)]


def divided(levels: Sequence[Level]) -> tuple[Level, Sequence[Level]]:
    """The finest of the levels, and the others."""
    return levels[0], levels[1:] or levels


class Block(nn.Module):
    """Deformable attention and two linear layers, with a norm behind each."""

    def __init__(self, channels: int, hidden: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.attention = DeformableAttention(channels, heads, levels, points)
        self.norm = nn.LayerNorm(channels)
        self.mlp = MLPLayer(channels, hidden)

    def forward(self, x: Tensor, positions: Tensor, places: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        return self.mlp(self.norm(x + self.attention(x + positions, x, places, sizes)))
