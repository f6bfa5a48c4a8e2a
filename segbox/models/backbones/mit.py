"""Mix Transformer, the encoder of SegFormer (https://arxiv.org/abs/2105.15203)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import DepthwiseConv2d
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES

# variant: (widths of the four stages, blocks per stage)
VARIANTS = {
    "b0": ((32, 64, 160, 256), (2, 2, 2, 2)),
    "b1": ((64, 128, 320, 512), (2, 2, 2, 2)),
    "b2": ((64, 128, 320, 512), (3, 4, 6, 3)),
    "b3": ((64, 128, 320, 512), (3, 4, 18, 3)),
    "b4": ((64, 128, 320, 512), (3, 8, 27, 3)),
    "b5": ((64, 128, 320, 512), (3, 6, 40, 3)),
    "test": ((8, 16, 40, 64), (1, 1, 1, 2)),
}
HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)  # keys and values are taken from a map that is this much smaller
MLP_RATIO = 4
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "b0": "hf://nvidia/mit-b0",
    "b1": "hf://nvidia/mit-b1",
    "b2": "hf://nvidia/mit-b2",
    "b3": "hf://nvidia/mit-b3",
    "b4": "hf://nvidia/mit-b4",
    "b5": "hf://nvidia/mit-b5",
}


@BACKBONES.register
class MixTransformer(nn.Module):
    """Four maps of strides 4, 8, 16, 32. There are no position embeddings, so images of any size are accepted.

    The strides are those of the patch embeddings, which dilation cannot replace: `output_stride` is 32. `embed_eps` is
    that of the norms of patch embeddings and of reduced keys; mmsegmentation has 1e-6, as all other norms.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET
    layer_pattern = r"stages\.(\d+)\."

    def __init__(
        self,
        variant: str = "b0",
        output_stride: int = 32,
        in_channels: Count = 3,
        drop_path: float = 0.1,
        embed_eps: float = 1e-5,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no MixTransformer {variant!r}; variants: {', '.join(VARIANTS)}")
        if output_stride != 32:
            raise ValueError(f"output_stride {output_stride!r}: a MixTransformer has no other than 32")
        self.form = variant
        widths, depths = VARIANTS[variant]
        rates = iter(drop_rates(drop_path, sum(depths)))
        self.stages = nn.ModuleList()
        for i, (width, depth) in enumerate(zip(widths, depths)):
            kernel, stride = (7, 4) if i == 0 else (3, 2)
            embed = OverlapPatchEmbed(in_channels if i == 0 else widths[i - 1], width, kernel, stride, embed_eps)
            blocks = [Block(width, HEADS[i], REDUCTIONS[i], next(rates), embed_eps) for _ in range(depth)]
            self.stages.append(Stage(embed, blocks, width))
        self.channels = widths
        self.strides = (4, 8, 16, 32)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = []
        x = images
        for stage in self.stages:
            x = stage(x).permute(0, 3, 1, 2)  # a map in channels last, without a copy
            maps.append(x)
        return tuple(maps)


class Stage(nn.Module):
    """From a map to a coarser one, B H W C: patch embedding, transformer blocks, a norm.

    Its output is no view of another tensor: a sharded model needs that of the modules that it shards.
    """

    def __init__(self, embed: nn.Module, blocks: list[nn.Module], width: int) -> None:
        super().__init__()
        self.embed = embed
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x, size = self.embed(x)
        for block in self.blocks:
            x = block(x, size)
        return self.norm(x.unflatten(1, size))


class OverlapPatchEmbed(nn.Module):
    """Overlapping patches, by a strided convolution; returns tokens B N C and the size of their map."""

    def __init__(self, in_channels: int, width: int, kernel: int, stride: int, eps: float) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, width, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.project(x)
        height, width = x.shape[-2:]
        return self.norm(to_tokens(x)), (height, width)


class Block(nn.Module):
    """Attention and Mix-FFN, each with a norm before it and a residual connection."""

    def __init__(self, width: int, heads: int, reduction: int, drop_path: float, reduce_eps: float = 1e-5) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = EfficientAttention(width, heads, reduction, reduce_eps)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MixFFN(width, width * MLP_RATIO)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x), size))
        return x + self.drop_path(self.mlp(self.norm2(x), size))


class EfficientAttention(nn.Module):
    """Attention with a query per token; keys and values come from a map reduced by a strided convolution."""

    def __init__(self, width: int, heads: int, reduction: int, reduce_eps: float = 1e-5) -> None:
        super().__init__()
        self.heads = heads
        self.reduction = reduction
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        if reduction > 1:
            self.reduce = nn.Conv2d(width, width, reduction, reduction)
            self.reduce_norm = nn.LayerNorm(width, eps=reduce_eps)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        batch, count, width = x.shape
        query = self.query(x).view(batch, count, self.heads, -1).transpose(1, 2)  # B heads N C/heads
        source = x if self.reduction == 1 else self.reduced(x, size)
        pairs = self.key_value(source).view(batch, source.shape[1], 2, self.heads, -1)
        key, value = pairs.permute(2, 0, 3, 1, 4)  # each B heads M C/heads
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))

    def reduced(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        height, width = size
        # An image smaller than one window is padded with zeros.
        missing = (0, torch.sym_max(0, self.reduction - width), 0, torch.sym_max(0, self.reduction - height))
        return self.reduce_norm(to_tokens(self.reduce(F.pad(to_map(x, size), missing))))


class MixFFN(nn.Module):
    """Two layers with a 3x3 depthwise convolution between them, whose zero padding gives tokens their position."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.depthwise = DepthwiseConv2d(hidden, bias=True)
        self.project = nn.Linear(hidden, width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = self.depthwise(to_map(self.expand(x), size))
        return self.project(F.gelu(to_tokens(x)))


def to_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    return tokens.transpose(1, 2).unflatten(2, size)  # B N C -> B C H W, channels last: no copy


def to_tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # B C H W -> B N C


def initialize(network: nn.Module) -> None:
    if next(network.parameters()).is_meta:  # there are no numbers to draw
        return
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Conv2d):
            fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
            nn.init.normal_(layer.weight, std=(2 / fan_out) ** 0.5)
            nn.init.zeros_(layer.bias)
