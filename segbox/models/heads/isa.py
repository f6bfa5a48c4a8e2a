"""ISANet's interlaced sparse self-attention (https://arxiv.org/abs/1907.12273)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import DecodeHead
from .ocr import project


@HEADS.register
class ISAHead(DecodeHead):
    """Attention among pixels that are `window` apart, then among the pixels of each window: together, all pixels.

    The map is filled with zeros, on all sides, up to whole windows; the zeros take part in the attention.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        key_channels: Count = 256,
        window: tuple[Count, Count] = (8, 8),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.window = window
        self.reduce = ConvNormAct(in_channels[-1], channels, 3)
        self.distant = SelfAttention(channels, key_channels)
        self.near = SelfAttention(channels, key_channels)
        self.fuse = ConvNormAct(2 * channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = self.reduce(features[-1])
        x = self.fuse(torch.cat([self.interlaced(x), x], dim=1))
        return self.classify(self.dropout(x))

    def interlaced(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        (top, bottom), (left, right) = (margins(length, own) for length, own in zip((height, width), self.window))
        h, w = self.window
        x = F.pad(x, (left, right, top, bottom))
        x = x.unflatten(3, (-1, w)).unflatten(2, (-1, h))  # B C rows h columns w
        rows, columns = x.shape[2], x.shape[4]
        x = self.distant(x.permute(0, 3, 5, 1, 2, 4).flatten(0, 2))  # B*h*w C rows columns
        x = x.unflatten(0, (batch, h, w)).permute(0, 4, 5, 3, 1, 2)  # B rows columns C h w
        x = self.near(x.flatten(0, 2)).unflatten(0, (batch, rows, columns))
        x = x.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)  # B C rows*h columns*w
        return x[:, :, top : top + height, left : left + width]


class SelfAttention(nn.Module):
    """Scaled attention between all pixels of a map."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.query = project(channels, key_channels)
        self.key = project(channels, key_channels)
        self.value = nn.Conv2d(channels, channels, 1)
        self.mix = ConvNormAct(channels, channels)
        self.scale = key_channels**-0.5

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(pixel_attention(self.query(x), self.key(x), self.value(x), self.scale))


def margins(length: int, window: int) -> tuple[int, int]:
    """What is missing at both ends to a multiple of the window; the second end gets the odd pixel."""
    missing = (length + window - 1) // window * window - length
    return missing // 2, missing - missing // 2
