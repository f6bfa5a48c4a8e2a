"""Deformable attention over several maps (https://arxiv.org/abs/2010.04159), without a compiled kernel."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .points import sampled
from .transformer import projection


class DeformableAttention(nn.Module):
    """A token gathers from a few points of each map near its own place; the token says where, and how much of each."""

    def __init__(self, channels: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be divided among {heads} attention heads")
        self.shape = heads, levels, points
        self.offsets = nn.Linear(channels, heads * levels * points * 2)
        self.weights = nn.Linear(channels, heads * levels * points)
        self.value = projection(channels)
        self.out = projection(channels)
        initialize(self)

    def forward(self, query: Tensor, tokens: Tensor, places: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """query and tokens: B N C, the places of all maps one after the other; `sizes` of the maps.

        places: N 2, the column and the row of each token as fractions of its map, at least in float32.
        """
        heads, levels, count = self.shape
        offsets = self.offsets(query).unflatten(2, (heads, levels, count, 2)).to(places.dtype)
        weights = self.weights(query).unflatten(2, (heads, levels * count)).to(places.dtype).softmax(dim=-1)
        weights = weights.unflatten(3, (levels, count)).transpose(1, 2).flatten(0, 1)  # B*heads N levels points
        values = self.value(tokens).to(places.dtype).split([h * w for h, w in sizes], dim=1)
        total = torch.zeros((), dtype=places.dtype, device=places.device)
        for level, (value, size) in enumerate(zip(values, sizes)):
            points = points_of(places, offsets[:, :, :, level], size)
            pixels = value.mT.unflatten(1, (heads, -1)).flatten(0, 1).unflatten(2, size)  # B*heads C/heads h w
            found = sampled(points.flatten(1, 2), pixels).unflatten(2, points.shape[1:3])  # B*heads C/heads N points
            total = total + (found * weights[:, None, :, level]).sum(dim=-1)
        return self.out(total.unflatten(0, (-1, heads)).flatten(1, 2).mT.to(query.dtype))


def points_of(places: Tensor, offsets: Tensor, size: tuple[int, int]) -> Tensor:
    """Where to sample, from 0 to 1: B*heads N points 2. Offsets (B N heads points 2) are in pixels of the map."""
    height, width = size
    shifts = torch.stack([offsets[..., 0] / width, offsets[..., 1] / height], dim=-1)
    return (places[:, None, None] + shifts).transpose(1, 2).flatten(0, 1)


def centers(size: tuple[int, int], like: Tensor) -> Tensor:
    """The centres of a map's pixels: N 2, column and row as fractions of the map."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    rows, columns = ((torch.arange(n, device=like.device, dtype=dtype) + 0.5) / n for n in size)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).flatten(0, 1)


def initialize(attention: DeformableAttention) -> None:
    """Each head begins with a direction of its own, with points 1, 2, ... pixels away and of equal weight."""
    heads, levels, points = attention.shape
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
    directions = directions / directions.abs().amax(dim=-1, keepdim=True)
    steps = torch.arange(1, points + 1)[:, None]
    bias = (directions[:, None, None] * steps).expand(heads, levels, points, 2)
    nn.init.zeros_(attention.offsets.weight)
    nn.init.zeros_(attention.weights.weight)
    nn.init.zeros_(attention.weights.bias)
    with torch.no_grad():
        attention.offsets.bias.copy_(bias.flatten())
