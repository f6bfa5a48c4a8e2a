"""OCNet's object context pooling (https://arxiv.org/abs/1809.00916)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct, Resizing
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class OCNetHead(DecodeHead):
    """`context`: "base" concatenates self-attention and the map; "asp" makes it one branch of an atrous pyramid."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        context: str = "base",
        channels: Count = 512,
        rates: tuple[Count, ...] = (12, 24, 36),
        dropout: Fraction | None = None,
    ) -> None:
        super().__init__()
        if context not in ("base", "asp"):
            raise ValueError(f'context {context!r} is neither "base" nor "asp"')
        if context == "base":
            self.context = BaseContext(in_channels[-1], channels)
        else:
            self.context = PyramidContext(in_channels[-1], channels, rates)
        default = 0.05 if context == "base" else 0.1
        self.dropout = nn.Dropout2d(default if dropout is None else dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.context(features[-1])))


class BaseContext(nn.Module):
    """Self-attention, concatenated with its input."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.reduce = biased_conv(in_channels, channels, 3)
        self.attention = ObjectContext(channels, channels // 2, channels // 2)
        self.fuse = biased_conv(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.reduce(x)
        return self.fuse(torch.cat([self.attention(x), x], dim=1))


class PyramidContext(nn.Module):
    """Self-attention at half size, 1x1, and a 3x3 convolution for each rate, concatenated."""

    def __init__(self, in_channels: int, channels: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        attention = nn.Sequential(
            biased_conv(in_channels, channels, 3),
            ObjectContext(channels, channels // 2, channels, pool=2),
            biased_conv(channels, channels),
        )
        atrous = (ConvNormAct(in_channels, channels, 3, dilation=rate) for rate in rates)
        self.branches = nn.ModuleList([attention, ConvNormAct(in_channels, channels), *atrous])
        self.fuse = ConvNormAct(len(self.branches) * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(torch.cat([branch(x) for branch in self.branches], dim=1))


class ObjectContext(Resizing):
    """Self-attention with one projection for both keys and queries. Its output is zero at first."""

    def __init__(self, channels: int, key_channels: int, value_channels: int, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.key = biased_conv(channels, key_channels)
        self.value = nn.Conv2d(channels, value_channels, 1)
        self.project = nn.Conv2d(value_channels, channels, 1)
        self.scale = key_channels**-0.5
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor) -> Tensor:
        small = F.max_pool2d(x, self.pool, ceil_mode=True)  # ceil: keeps a map of one pixel
        key = self.key(small)
        gathered = pixel_attention(key, key, self.value(small), self.scale)
        return self.resize(self.project(gathered), x.shape[-2:])


def biased_conv(in_channels: int, out_channels: int, kernel: int = 1) -> nn.Sequential:
    """Convolution, norm and ReLU, with the bias that the authors' weights have (without effect before a norm)."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())
