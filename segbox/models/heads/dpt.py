"""DPT (https://arxiv.org/abs/2103.13413): the maps of a plain ViT as a pyramid, and RefineNet's fusion of it."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct, Resizing, convolution, resize
from segbox.registry import HEADS

from .head import DecodeHead

STRIDES = (4, 8, 16, 32)


@HEADS.register
class DPTHead(DecodeHead):
    """Four maps, brought to the strides 4, 8, 16 and 32 by (transposed) convolutions, fused from coarse to fine.

    They are the last four, or the last one four times. Those of patches of 14 are made 4, 2, 1 and 1/2 times as large.
    With `readout`, each map holds the class token behind its own channels (VisionTransformer's class_token="joined"),
    and a linear layer mixes both.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        level_channels: tuple[Count, ...] = (96, 192, 384, 768),
        readout: bool = False,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if len(level_channels) != len(STRIDES):
            raise ValueError(f"level_channels {level_channels}: expected four numbers, of the finest map first")
        self.sources = range(-4, 0) if len(in_channels) >= len(STRIDES) else (-1,) * len(STRIDES)
        widths = [in_channels[i] for i in self.sources]
        factors = factors_of([in_strides[i] for i in self.sources])
        self.levels = nn.ModuleList(map(Level, widths, level_channels, factors, [readout] * len(STRIDES)))
        self.convs = nn.ModuleList(convolution(c, channels, 3) for c in level_channels)
        self.fusions = nn.ModuleList(Fusion(channels, joins=i < len(STRIDES) - 1) for i in range(len(STRIDES)))
        self.fuse = ConvNormAct(channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [conv(level(features[i])) for conv, level, i in zip(self.convs, self.levels, self.sources)]
        x = self.fusions[-1](maps[-1])
        for fusion, finer in zip(reversed(self.fusions[:-1]), reversed(maps[:-1])):
            x = fusion(x, finer)
        return self.classify(self.dropout(self.fuse(x)))


class Level(nn.Module):
    """A map with other channels and of another size; half of its channels may be a class token, which is mixed in."""

    def __init__(self, in_channels: int, channels: int, factor: float, readout: bool) -> None:
        super().__init__()
        width = in_channels // 2 if readout else in_channels
        self.readout = nn.Sequential(nn.Linear(in_channels, width), nn.GELU()) if readout else nn.Identity()
        self.project = nn.Conv2d(width, channels, 1)
        up, down = round(factor), round(1 / factor)
        self.rescale: nn.Module = nn.Identity()
        if up > 1:
            self.rescale = nn.ConvTranspose2d(channels, channels, up, up)
        elif down > 1:
            self.rescale = nn.Conv2d(channels, channels, 3, down, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.rescale(self.project(self.readout(x.movedim(1, -1)).movedim(-1, 1)))


class Fusion(Resizing):
    """The sum of what comes from the coarser level and a finer map, refined, and twice as large."""

    def __init__(self, channels: int, joins: bool) -> None:
        super().__init__()
        self.join = Residual(channels) if joins else None
        self.refine = Residual(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, finer: Tensor | None = None) -> Tensor:
        if self.join is not None:
            x = x + self.join(self.resize(finer, x.shape[-2:]))
        x = self.project(self.refine(x))  # before it grows: both orders give the same
        return resize(x, (2 * x.shape[-2], 2 * x.shape[-1]), align_corners=True)  # always, as in the paper's code


class Residual(nn.Module):
    """ReLU, 3x3 and batch norm, twice, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (ConvNormAct(channels, channels, 3, act=None) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


def factors_of(strides: list[int]) -> list[float]:
    """How many times as large each map becomes."""
    wanted = list(STRIDES) if all(max(s, t) % min(s, t) == 0 for s, t in zip(strides, STRIDES)) else None
    if wanted is None and len(set(strides)) > 1:
        raise ValueError(f"DPTHead cannot make maps of strides 4, 8, 16 and 32 from maps of strides {tuple(strides)}")
    return [4, 2, 1, 1 / 2] if wanted is None else [s / t for s, t in zip(strides, wanted)]
