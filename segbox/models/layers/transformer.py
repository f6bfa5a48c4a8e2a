"""Layers of transformers with a norm behind each residual connection, as in DETR (https://arxiv.org/abs/2005.12872)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Attention of several heads, with dropout of its weights and of its result."""

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be divided among {heads} attention heads")
        self.heads = heads
        self.query = projection(channels)
        self.key = projection(channels)
        self.value = projection(channels)
        self.out = projection(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """query: B Q C, key and value: B N C; mask: B Q N, True where a query looks."""
        parts = self.query(query), self.key(key), self.value(value)
        parts = [part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts]  # B heads N C/heads
        rate = self.dropout.p if self.dropout.training else 0.0
        mixed = F.scaled_dot_product_attention(*parts, None if mask is None else mask[:, None], rate)
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))


class AttentionLayer(nn.Module):
    """Attention, the residual connection and a norm. `x` is without positions, `query` usually with them."""

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = Attention(channels, heads, dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.norm(x + self.attention(query, key, value, mask))


class MLPLayer(nn.Module):
    """Two linear layers with a ReLU between them, the residual connection and a norm."""

    def __init__(self, channels: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.expand = projection(channels, hidden)
        self.project = projection(hidden, channels)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.expand(x).relu())
        return self.norm(x + self.dropout(self.project(hidden)))


def projection(in_channels: int, out_channels: int | None = None) -> nn.Linear:
    layer = nn.Linear(in_channels, out_channels or in_channels)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
