"""Positions in a map as waves of sine and cosine, as in DETR (https://arxiv.org/abs/2005.12872)."""

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000
EPS = 1e-6


def sine_positions(x: Tensor, channels: int) -> Tensor:
    """For a map B C H W: 1 H*W channels; the first half of the channels is of the row, the second of the column.

    A position is a fraction of the map's side, so the waves are as long as the map at every size.
    """
    height, width = x.shape[-2:]
    rows, columns = (waves(length, channels // 2, x) for length in (height, width))
    places = torch.cat([rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)], dim=-1)
    return places.flatten(0, 1)[None].to(x.dtype)


def waves(length: int, channels: int, like: Tensor) -> Tensor:
    """length, channels: sines at even, cosines at odd channels, of falling frequency."""
    dtype = torch.promote_types(like.dtype, torch.float32)
    fractions = torch.arange(1, length + 1, device=like.device, dtype=dtype) / (length + EPS)
    pairs = torch.arange(channels // 2, device=like.device, dtype=dtype)
    angles = 2 * math.pi * fractions[:, None] / TEMPERATURE ** (2 * pairs / channels)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
