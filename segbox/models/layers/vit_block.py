"""The parts of plain vision transformers (https://arxiv.org/abs/2010.11929)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .drop_path import DropPath

MLP_RATIO = 4


class TransformerBlock(nn.Module):
    """Attention and two linear layers, each with a norm before it and a residual connection. Tokens are B N C.

    `scale` is where a learned factor of each channel of both branches begins; None: there is none. `activation` is the
    class of the one between the linear layers.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        drop_path: float = 0.0,
        eps: float = 1e-6,
        scale: float | None = None,
        key_bias: bool = True,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps)
        self.attention = SelfAttention(channels, heads, key_bias)
        self.norm2 = nn.LayerNorm(channels, eps)
        self.mlp = nn.Sequential(
            nn.Linear(channels, MLP_RATIO * channels), activation(), nn.Linear(MLP_RATIO * channels, channels)
        )
        self.scale1, self.scale2 = (nn.Identity() if scale is None else LayerScale(channels, scale) for _ in range(2))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """`attn_mask`, as PyTorch has it: where a token looks, or what is added to the products of queries and keys;
        heads N N, or with the batch in front."""
        x = x + self.drop_path(self.scale1(self.attention(self.norm1(x), attn_mask)))
        return x + self.drop_path(self.scale2(self.mlp(self.norm2(x))))


class QuickGELU(nn.Module):
    """The approximation of GELU that CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * (1.702 * x).sigmoid()


class LayerScale(nn.Module):
    """A learned factor for each channel (https://arxiv.org/abs/2103.17239)."""

    def __init__(self, channels: int, first: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((channels,), first))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class SelfAttention(nn.Module):
    """Attention of all tokens to all. Without `key_bias`, only queries and values have a bias."""

    def __init__(self, channels: int, heads: int, key_bias: bool = True) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} attention heads do not divide {channels} channels")
        self.heads = heads
        self.key_bias = key_bias
        self.query_key_value = nn.Linear(channels, 3 * channels, bias=key_bias)
        if not key_bias:
            self.query_bias = nn.Parameter(torch.zeros(channels))
            self.value_bias = nn.Parameter(torch.zeros(channels))
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, count, channels = x.shape
        parts = self.query_key_value(x)
        if not self.key_bias:
            parts = parts + torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
        query, key, value = parts.view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each B heads N C/heads
        mask = mask.to(query.dtype) if mask is not None and mask.is_floating_point() else mask
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, channels))


def embedded(embed: nn.Conv2d, images: Tensor) -> Tensor:
    """The patches of images, which are padded to whole ones."""
    (height, width), (rows, columns) = images.shape[-2:], embed.stride
    return embed(F.pad(images, (0, -width % columns, 0, -height % rows)))


def resized_positions(positions: Tensor, side: int, size: Sequence[int], mode: str) -> Tensor:
    """1 C H W, from those of the cells of a square, by rows: 1 N C."""
    grid = positions.transpose(1, 2).unflatten(2, (side, side))
    return F.interpolate(grid, tuple(size), mode=mode, align_corners=False)


def initialize_transformer(network: nn.Module) -> None:
    """Weights of linear layers near zero, their biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
