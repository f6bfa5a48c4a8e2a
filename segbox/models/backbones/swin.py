"""Swin Transformer (https://arxiv.org/abs/2103.14030), as its authors use it for segmentation.

timm's shifts a map before it pads it to whole windows, so it computes something else where the windows do not fit.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES

# variant: (channels of the first stage, blocks per stage, attention heads of the first stage)
VARIANTS = {
    "tiny": (96, (2, 2, 6, 2), 3),
    "small": (96, (2, 2, 18, 2), 3),
    "base": (128, (2, 2, 18, 2), 4),
    "large": (192, (2, 2, 18, 2), 6),
    "test": (8, (1, 2, 1, 2), 1),
}
PATCH = 4
# form -> the ImageNet weights of its authors, with windows of 7
IMAGENET = {
    "tiny": "timm://swin_tiny_patch4_window7_224.ms_in1k",
    "small": "timm://swin_small_patch4_window7_224.ms_in1k",
    "base": "timm://swin_base_patch4_window7_224.ms_in22k",
    "large": "timm://swin_large_patch4_window7_224.ms_in22k",
}
MLP_RATIO = 4


@BACKBONES.register
class Swin(nn.Module):
    """Four maps of strides 4, 8, 16, 32; images of any size are accepted, maps are padded to whole windows.

    `window` is the side of the windows. `map_norm` is the eps of a layer norm on each map, as in segmentation; without
    it there is none. The strides are those of the patches, so `output_stride` is 32.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET
    layer_pattern = r"(?:stages|merges)\.(\d+)\."

    def __init__(
        self,
        variant: str = "tiny",
        output_stride: int = 32,
        in_channels: Count = 3,
        window: Count = 7,
        drop_path: Fraction = 0.3,
        map_norm: float | None = None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no Swin {variant!r}; variants: {', '.join(VARIANTS)}")
        if output_stride != 32:
            raise ValueError(f"output_stride {output_stride!r}: a Swin has no other than 32")
        self.form = variant if window == 7 else f"{variant} with window={window}"
        width, depths, heads = VARIANTS[variant]
        rates = iter(drop_rates(drop_path, sum(depths)))
        self.channels = tuple(width * 2**i for i in range(len(depths)))
        self.strides = tuple(PATCH * 2**i for i in range(len(depths)))
        self.embed = nn.Conv2d(in_channels, width, PATCH, PATCH)
        self.norm = nn.LayerNorm(width)
        self.merges = nn.ModuleList(Merge(c) for c in self.channels[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(c, heads * 2**i, window, j % 2 == 1, next(rates)) for j in range(depth)))
            for i, (c, depth) in enumerate(zip(self.channels, depths))
        )
        self.map_norms = nn.ModuleList(
            nn.Identity() if map_norm is None else nn.LayerNorm(c, map_norm) for c in self.channels
        )
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.norm(self.embed(filled_up(images, (2, 3), PATCH)).movedim(1, -1))  # B H W C
        maps = []
        for merge, stage, norm in zip([nn.Identity(), *self.merges], self.stages, self.map_norms, strict=True):
            x = stage(merge(x))
            maps.append(norm(x).movedim(-1, 1).contiguous())
        return tuple(maps)


class Merge(nn.Module):
    """Half the size, twice the channels: a linear layer on each 2x2 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduce = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = cells(filled_up(x, (1, 2), 2), 2)
        pixels = [x[:, :, :, i, j] for j in range(2) for i in range(2)]  # column by column, as in published weights
        return self.reduce(self.norm(torch.cat(pixels, dim=-1)))


class Block(nn.Module):
    """Attention inside of windows and two linear layers, each with a norm before it and a residual connection."""

    def __init__(self, channels: int, heads: int, window: int, is_shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.window, self.shift = window, window // 2 if is_shifted else 0
        self.norm1 = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, MLP_RATIO * channels), nn.GELU(), nn.Linear(MLP_RATIO * channels, channels)
        )
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attend(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        side = self.window
        x = torch.roll(filled_up(x, (1, 2), side), (-self.shift, -self.shift), dims=(1, 2))
        mask = regions_apart(x, side, self.shift) if self.shift else None
        windows = cells(x, side)  # B rows columns side side C
        tokens = self.attention(windows.flatten(3, 4).flatten(0, 2), mask)  # windows, tokens, C
        x = tokens.reshape(windows.shape).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        return torch.roll(x, (self.shift, self.shift), dims=(1, 2)).narrow(1, 0, height).narrow(2, 0, width)


def filled_up(x: Tensor, sides: tuple[int, int], multiple: int) -> Tensor:
    """Zeros right and below, up to whole cells. (With remainders, `-length % multiple`, an export takes minutes.)"""
    lengths = (x.shape[side] for side in sides)
    below, right = (((length + multiple - 1) // multiple) * multiple - length for length in lengths)
    return F.pad(x, (0, 0) * (x.dim() - 1 - sides[1]) + (0, right, 0, below))


def cells(x: Tensor, side: int) -> Tensor:
    """B H W C -> B rows columns side side C."""
    rows, columns = x.shape[1] // side, x.shape[2] // side
    return x.unflatten(2, (columns, side)).unflatten(1, (rows, side)).transpose(2, 3)


def regions_apart(x: Tensor, window: int, shift: int) -> Tensor:
    """For each window, -100 for pairs of tokens that are neighbours only because the map was rolled."""
    rows, columns = (region(length, window, shift, x) for length in x.shape[1:3])
    ids = 3 * rows[:, None] + columns  # H W
    ids = cells(ids[None, :, :, None], window).flatten(3).flatten(0, 2)
    apart = -100.0 * (ids[:, None, :] != ids[:, :, None]).to(x.dtype)
    return apart.expand(x.shape[0], -1, -1, -1).flatten(0, 1)[:, None]  # windows, 1, tokens, tokens


def region(length: int, window: int, shift: int, like: Tensor) -> Tensor:
    places = torch.arange(length, device=like.device)
    return (places >= length - window).long() + (places >= length - shift).long()


class WindowAttention(nn.Module):
    """Attention between the tokens of a window, with a learned bias for each offset of two tokens."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        places = torch.cartesian_prod(*[torch.arange(window)] * 2)  # of the tokens: row, column
        offsets = places[:, None] - places[None] + window - 1  # N N 2, from 0
        self.register_buffer("offsets", offsets[..., 0] * (2 * window - 1) + offsets[..., 1], persistent=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        windows, count, channels = x.shape
        parts = self.query_key_value(x).view(windows, count, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each windows, heads, N, C / heads
        bias = self.bias_table[self.offsets].permute(2, 0, 1)[None].to(query.dtype)  # 1 heads N N
        if mask is not None:
            bias = bias + mask
        mixed = F.scaled_dot_product_attention(query, key, value, bias.to(query.dtype))
        return self.out(mixed.transpose(1, 2).reshape(windows, count, channels))


def initialize(network: nn.Module) -> None:
    for name, value in network.named_parameters():
        if name.endswith("bias_table") or (value.dim() == 2 and name.endswith("weight")):
            nn.init.trunc_normal_(value, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(value)
