"""Global Convolutional Network (https://arxiv.org/abs/1703.02719)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.registry import HEADS

from .head import DecodeHead, coarse_levels


@HEADS.register
class GCNHead(DecodeHead):
    """Large separable kernels classify each map of stride 4 or more; scores are refined and summed while upsampling.

    All layers have `num_classes` channels, so there is no single classifier. No norms.
    """

    def __init__(
        self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], num_classes: int, kernel: Count = 9
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even; an odd one keeps the size of the map")
        self.levels = coarse_levels(in_strides)[::-1]  # coarse to fine
        strides = [in_strides[i] for i in self.levels]
        # two more doublings after the finest map, as for one of stride 4
        factors = [a // b for a, b in zip(strides, strides[1:])] + [2]
        self.scores = nn.ModuleList(GlobalConvolution(in_channels[i], num_classes, kernel) for i in self.levels)
        self.refine = nn.ModuleList(BoundaryRefinement(num_classes) for _ in self.levels)
        self.refine_sums = nn.ModuleList(BoundaryRefinement(num_classes) for _ in self.levels[1:])
        self.ups = nn.ModuleList(deconvolution(num_classes, factor) for factor in factors)
        self.finish = nn.Sequential(
            BoundaryRefinement(num_classes), deconvolution(num_classes, 2), BoundaryRefinement(num_classes)
        )

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [refine(score(features[i])) for i, score, refine in zip(self.levels, self.scores, self.refine)]
        x = maps[0]
        for up, skip, refine in zip(self.ups, maps[1:], self.refine_sums):
            x = refine(skip + self.resize(up(x), skip.shape[-2:]))
        return self.finish(self.ups[-1](x))


class GlobalConvolution(nn.Module):
    """A k x k convolution as k x 1 and 1 x k, in both orders."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        column, row, pad = (kernel, 1), (1, kernel), kernel // 2
        self.column_row = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, column, padding=(pad, 0), bias=False),
            nn.Conv2d(out_channels, out_channels, row, padding=(0, pad), bias=False),
        )
        self.row_column = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, row, padding=(0, pad), bias=False),
            nn.Conv2d(out_channels, out_channels, column, padding=(pad, 0), bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.column_row(x) + self.row_column(x)


class BoundaryRefinement(nn.Module):
    """A residual of two 3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(torch.relu(self.conv1(x)))


def deconvolution(channels: int, factor: int) -> nn.ConvTranspose2d:
    """Learned upsampling, initialized to repeat pixels: five steps with random weights would lose the signal."""
    up = nn.ConvTranspose2d(channels, channels, factor, factor, bias=False)
    with torch.no_grad():
        up.weight.copy_(torch.eye(channels)[:, :, None, None].expand_as(up.weight))
    return up
