"""Twins-PCPVT and Twins-SVT (https://arxiv.org/abs/2104.13840), as their authors use them for segmentation.

timm's lets the tokens of a window attend to its padding, and has no norms behind the stages.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import DepthwiseConv2d
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES

from .mit import EfficientAttention, initialize, to_map, to_tokens

# variant: channels, blocks, and attention heads of each stage
VARIANTS = {
    "pcpvt-small": ((64, 128, 320, 512), (3, 4, 6, 3), (1, 2, 5, 8)),
    "pcpvt-base": ((64, 128, 320, 512), (3, 4, 18, 3), (1, 2, 5, 8)),
    "pcpvt-large": ((64, 128, 320, 512), (3, 8, 27, 3), (1, 2, 5, 8)),
    "svt-small": ((64, 128, 256, 512), (2, 2, 10, 4), (2, 4, 8, 16)),
    "svt-base": ((96, 192, 384, 768), (2, 2, 18, 2), (3, 6, 12, 24)),
    "svt-large": ((128, 256, 512, 1024), (2, 2, 18, 2), (4, 8, 16, 32)),
    "test": ((8, 16, 24, 32), (1, 1, 2, 1), (1, 2, 3, 4)),
    "test-svt": ((8, 16, 24, 32), (2, 1, 2, 1), (1, 2, 3, 4)),
}
PATCHES = (4, 2, 2, 2)
REDUCTIONS = (8, 4, 2, 1)  # of keys and values
MLP_RATIOS = {"pcpvt": (8, 8, 4, 4), "svt": (4, 4, 4, 4)}
WINDOW = 7
# form -> the ImageNet weights of its authors
IMAGENET = {name: f"timm://twins_{name.replace('-', '_')}.in1k" for name in VARIANTS if "test" not in name}


@BACKBONES.register
class Twins(nn.Module):
    """Four maps of strides 4, 8, 16, 32. Images of any size are accepted, maps are padded to whole patches and windows.

    All blocks of PCPVT attend to a reduced map; in SVT every second one does, beginning with one that attends inside of
    windows, and a norm follows each stage. A depthwise convolution behind the first block of a stage tells positions.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET
    layer_pattern = r"stages\.(\d+)\."

    def __init__(self, variant: str = "svt-small", in_channels: Count = 3, drop_path: Fraction = 0.2) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no Twins {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        widths, depths, heads = VARIANTS[variant]
        is_svt = "svt" in variant
        ratios = MLP_RATIOS["svt" if is_svt else "pcpvt"]
        rates = iter(drop_rates(drop_path, sum(depths)))
        self.stages = nn.ModuleList()
        for i, (width, depth) in enumerate(zip(widths, depths)):
            blocks = []
            for j in range(depth):
                is_local = is_svt and j % 2 == 0
                attention = (
                    WindowAttention(width, heads[i])
                    if is_local
                    else EfficientAttention(width, heads[i], REDUCTIONS[i], reduce_eps=1e-5)
                )
                blocks.append(Block(attention, width, ratios[i], next(rates)))
            before = in_channels if i == 0 else widths[i - 1]
            self.stages.append(Stage(before, width, PATCHES[i], blocks, has_norm=is_svt))
        self.channels = widths
        self.strides = (4, 8, 16, 32)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps, x = [], images
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


class Stage(nn.Module):
    """From a map to a coarser one: patches, a block, positions, the other blocks."""

    def __init__(self, in_channels: int, width: int, patch: int, blocks: list[nn.Module], has_norm: bool) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Conv2d(in_channels, width, patch, patch)
        self.embed_norm = nn.LayerNorm(width)
        self.positions = DepthwiseConv2d(width, bias=True)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width) if has_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.embed(F.pad(x, (0, -width % self.patch, 0, -height % self.patch)))
        size = x.shape[-2:]
        x = self.embed_norm(to_tokens(x))
        for i, block in enumerate(self.blocks):
            x = block(x, size)
            if i == 0:
                x = x + to_tokens(self.positions(to_map(x, size)))
        return to_map(self.norm(x), size).contiguous()


class Block(nn.Module):
    """Attention and two linear layers, each with a norm before it and a residual connection."""

    def __init__(self, attention: nn.Module, width: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_ratio * width), nn.GELU(), nn.Linear(mlp_ratio * width, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x), size))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class WindowAttention(nn.Module):
    """Attention between the tokens of a window of 7 x 7.

    The padding of the last windows is kept apart from the map, but only where both sides are padded: the authors' code
    forgets it elsewhere, and published weights were trained with that.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size
        x = F.pad(x.unflatten(1, tuple(size)), (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))  # B H W C
        mask = apart(x, height, width)
        batch, rows, columns = x.shape[0], x.shape[1] // WINDOW, x.shape[2] // WINDOW
        parts = self.query_key_value(windows(x)).flatten(0, 1)  # windows, tokens, 3 C
        query, key, value = parts.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, mask.repeat(batch, 1, 1)[:, None].to(query.dtype))
        x = mixed.transpose(1, 2).flatten(2).view(batch, rows, columns, WINDOW, WINDOW, -1)
        x = x.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, :height, :width]
        return self.out(x.flatten(1, 2))


def windows(x: Tensor) -> Tensor:
    """B H W C -> B windows tokens C."""
    x = x.unflatten(2, (-1, WINDOW)).unflatten(1, (-1, WINDOW)).transpose(2, 3)
    return x.flatten(3, 4).flatten(1, 2)


def apart(x: Tensor, height: int, width: int) -> Tensor:
    """For each window, -1000 for pairs of a token and padding: windows, tokens, tokens."""
    rows, columns = (torch.arange(n, device=x.device) >= size for n, size in zip(x.shape[1:3], (height, width)))
    is_outside = (rows[:, None] | columns) & rows.any() & columns.any()  # H W
    is_outside = windows(is_outside[None, :, :, None])[0, :, :, 0]
    return -1000.0 * (is_outside[:, None] != is_outside[:, :, None]).to(x.dtype)
