"""CCNet's criss-cross attention (https://arxiv.org/abs/1811.11721)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.full_precision import full_precision
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class CCNetHead(DecodeHead):
    """Criss-cross attention, `recurrence` times with the same weights: two times connect each pixel with all others."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        recurrence: Depth = 2,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if recurrence < 1:
            raise ValueError(f"recurrence {recurrence!r}: criss-cross attention is used at least once")
        self.recurrence = recurrence
        self.reduce = ConvNormAct(in_channels[-1], channels, 3)
        self.attention = CrissCrossAttention(channels)
        self.refine = ConvNormAct(channels, channels, 3)
        self.fuse = ConvNormAct(in_channels[-1] + channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = self.reduce(features[-1])
        for _ in range(self.recurrence):
            x = self.attention(x)
        x = self.fuse(torch.cat([features[-1], self.refine(x)], dim=1))
        return self.classify(self.dropout(x))


class CrissCrossAttention(nn.Module):
    """Attention of each position to its row and its column, with one softmax, added to the input (times 0 at first).

    It needs H + W weights per position instead of H W.
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        query, key, value = self.query(x), self.key(x), self.value(x)
        with full_precision(x):
            weights = criss_cross_weights(query.float(), key.float())
        column, row = weights.to(value.dtype).split([height, width], dim=-1)
        gathered = torch.einsum("bhwg,bcgw->bchw", column, value) + torch.einsum("bhwv,bchv->bchw", row, value)
        return x + self.gamma * gathered


def criss_cross_weights(query: Tensor, key: Tensor) -> Tensor:
    """B C H W twice -> B H W (H + W): softmax of q·k over the position's column, then its row.

    The position itself is on both; it is counted in the row only.
    """
    height = query.shape[-2]
    itself = torch.eye(height, dtype=torch.bool, device=query.device)[:, None]  # H 1 H
    column = torch.einsum("bchw,bcgw->bhwg", query, key).masked_fill(itself, -torch.inf)
    row = torch.einsum("bchw,bchv->bhwv", query, key)
    return torch.softmax(torch.cat([column, row], dim=-1), dim=-1)
