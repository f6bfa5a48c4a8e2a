"""RefineNet (https://arxiv.org/abs/1611.06612), the four-cascaded one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers import Resizing
from segbox.registry import HEADS

from .head import DecodeHead, coarse_levels


@HEADS.register
class RefineNetHead(DecodeHead):
    """One refinement per map of stride 4 or more, coarse to fine: adapt, fuse, chained pooling, residual units.

    No norms. The coarsest level has `deepest_channels`, the others `channels`.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        deepest_channels: Count = 512,
        num_pools: Depth = 4,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.levels = coarse_levels(in_strides)[::-1]  # coarse to fine
        widths = [deepest_channels, *[channels] * (len(self.levels) - 1)]
        self.dropout = nn.Dropout(dropout)
        self.adapt = nn.ModuleList(
            nn.Sequential(conv3x3(in_channels[i], width), ResidualUnit(width), ResidualUnit(width))
            for i, width in zip(self.levels, widths)
        )
        self.fuse = nn.ModuleList(Fusion(a, b) for a, b in zip(widths, widths[1:]))
        self.refine = nn.ModuleList(
            nn.Sequential(ChainedPooling(width, num_pools), *(ResidualUnit(width) for _ in range(3)))
            for width in widths
        )
        self.classify = nn.Conv2d(widths[-1], num_classes, 3, padding=1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [adapt(self.dropout(features[i])) for i, adapt in zip(self.levels, self.adapt)]
        first, *others = self.refine
        x = first(maps[0])
        for fuse, refine, finer in zip(self.fuse, others, maps[1:]):
            x = refine(fuse(x, finer))
        return self.classify(self.dropout(x))


class ResidualUnit(nn.Module):
    """ReLU and 3x3, twice, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(torch.relu(self.conv1(torch.relu(x))))


class Fusion(Resizing):
    """A 3x3 convolution of both maps, summed at the size of the finer one."""

    def __init__(self, coarse_channels: int, channels: int) -> None:
        super().__init__()
        self.coarse = conv3x3(coarse_channels, channels)
        self.fine = conv3x3(channels, channels)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        return self.fine(fine) + self.resize(self.coarse(coarse), fine.shape[-2:])


class ChainedPooling(nn.Module):
    """Chained pooling: each pooling sees more context than the one before; all are added."""

    def __init__(self, channels: int, num_pools: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(conv3x3(channels, channels) for _ in range(num_pools))

    def forward(self, x: Tensor) -> Tensor:
        total = step = torch.relu(x)
        for conv in self.convs:
            step = conv(F.max_pool2d(step, 5, stride=1, padding=2))
            total = total + step
        return total


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
