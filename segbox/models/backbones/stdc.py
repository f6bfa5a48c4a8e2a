"""STDC (https://arxiv.org/abs/2104.13188). The names of the parameters are mmsegmentation's."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, initialize
from segbox.registry import BACKBONES

# variant: channels of the five maps, blocks of the last three stages
VARIANTS = {
    "1": ((32, 64, 256, 512, 1024), (2, 2, 2)),
    "2": ((32, 64, 256, 512, 1024), (4, 5, 3)),
    "test": ((4, 8, 16, 16, 32), (1, 2, 1)),
}
# form -> the public ImageNet weights
IMAGENET = {
    "1": "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/stdc/stdc1_20220308-5368626c.pth",
    "2": "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/stdc/stdc2_20220308-7dbd9127.pth",
}


@BACKBONES.register
class STDCNet(nn.Module):
    """Two convolutions and three stages of short-term dense blocks: five maps of strides 2, 4, 8, 16, 32."""

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(self, variant: str = "1", in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no STDCNet {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        self.channels, depths = VARIANTS[variant]
        self.strides = (2, 4, 8, 16, 32)
        first, second, *widths = self.channels
        self.stages = nn.ModuleList([ConvNormAct(in_channels, first, 3, 2), ConvNormAct(first, second, 3, 2)])
        before = second
        for width, depth in zip(widths, depths, strict=True):
            inner = (DenseBlock(width, width, 1) for _ in range(depth - 1))
            self.stages.append(nn.Sequential(DenseBlock(before, width, 2), *inner))
            before = width
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = [images]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return tuple(maps[1:])


class DenseBlock(nn.Module):
    """Four convolutions, each on the output of the one before; their outputs are concatenated.

    The first is a 1x1; the stride is behind it. Each is half as wide as the one before, the last two are equal.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        half, quarter, eighth = channels // 2, channels // 4, channels // 8
        self.layers = nn.ModuleList(
            [
                ConvNormAct(in_channels, half),
                ConvNormAct(half, quarter, 3),
                ConvNormAct(quarter, eighth, 3),
                ConvNormAct(eighth, eighth, 3),
            ]
        )
        is_strided = stride > 1
        self.downsample = ConvNormAct(half, half, 3, stride, groups=half, act=None) if is_strided else nn.Identity()
        self.pool = nn.AvgPool2d(3, stride, padding=1) if is_strided else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        first = self.layers[0](x)
        parts, x = [self.pool(first)], self.downsample(first)
        for layer in self.layers[1:]:
            x = layer(x)
            parts.append(x)
        return torch.cat(parts, dim=1)
