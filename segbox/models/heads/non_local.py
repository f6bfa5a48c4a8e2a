"""Non-local neural networks (https://arxiv.org/abs/1711.07971) as a head."""

from typing import Literal

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.context_convs import ContextConvs
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import DecodeHead

Mode = Literal["embedded_gaussian", "dot_product"]


@HEADS.register
class NonLocalHead(DecodeHead):
    """Every pixel gathers from all pixels, between two convolutions.

    `mode`: weights are a softmax of query·key ("embedded_gaussian"; `use_scale` divides by the root of the keys'
    channels first, which the paper does not), or query·key divided by the number of pixels ("dot_product").
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        reduction: Count = 2,
        mode: Mode = "embedded_gaussian",
        use_scale: bool = True,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.convs = ContextConvs(in_channels[-1], channels, NonLocal(channels, reduction, mode, use_scale))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[-1])))


class NonLocal(nn.Module):
    """Adds to each pixel what it gathers from all (0 at first)."""

    def __init__(self, channels: int, reduction: int, mode: Mode, use_scale: bool) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.query, self.key, self.value = (near_zero(nn.Conv2d(channels, inner, 1)) for _ in range(3))
        self.project = starting_at_zero(ConvNormAct(inner, channels, act=None))
        self.mode = mode
        self.scale = inner**-0.5 if use_scale else 1.0

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.query(x), self.key(x), self.value(x)
        if self.mode == "dot_product":
            return x + self.project(dot_products(query, key, value))
        return x + self.project(pixel_attention(query, key, value, self.scale))


def dot_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """For each pixel of `query`, the mean over all pixels of (q·k) v. The sum over pixels is taken first, so there is
    no matrix of all pairs. Sums are in float32."""
    with full_precision(value):
        precision = torch.promote_types(value.dtype, torch.float)
        queries, keys, values = (x.flatten(2).to(precision) for x in (query, key, value))  # B C N
        summary = values @ keys.mT / keys.shape[-1]  # B C C
        gathered = summary @ queries
    return gathered.to(value.dtype).unflatten(2, query.shape[-2:])


def near_zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Small weights, without which a softmax of large products would begin at a single pixel."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer


def starting_at_zero(layer: ConvNormAct) -> ConvNormAct:
    nn.init.zeros_(layer.norm.weight)
    return layer
