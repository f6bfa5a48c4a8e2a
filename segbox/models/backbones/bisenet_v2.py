"""BiSeNetV2 (https://arxiv.org/abs/2004.02147). The names of the parameters are mmsegmentation's."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, Resizing, initialize
from segbox.registry import BACKBONES

# variant: channels of the detail branch, channels of the semantic branch (strides 4, 8, 16, 32)
VARIANTS = {
    "1.0": ((64, 64, 128), (16, 32, 64, 128)),
    "test": ((4, 4, 8), (4, 4, 8, 8)),
}
DEPTHS = (2, 2, 4)  # blocks of the semantic branch at strides 8, 16, 32


@BACKBONES.register
class BiSeNetV2(nn.Module):
    """A shallow wide branch for detail and a deep narrow one for meaning, joined at stride 8: one map.

    `semantic_maps` also gives the four maps of the semantic branch, for auxiliary heads: strides 4, 8, 8, 16, 32, of
    which the third is the joined one.
    """

    def __init__(self, variant: str = "1.0", in_channels: Count = 3, semantic_maps: bool = False) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no BiSeNetV2 {variant!r}; variants: {', '.join(VARIANTS)}")
        detail, semantic = VARIANTS[variant]
        self.detail = DetailBranch(in_channels, detail)
        self.semantic = SemanticBranch(in_channels, semantic)
        self.bga = Aggregation(detail[-1])
        self.semantic_maps = semantic_maps
        self.channels = (*semantic[:2], detail[-1], *semantic[2:]) if semantic_maps else detail[-1:]
        self.strides = (4, 8, 8, 16, 32) if semantic_maps else (8,)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        *maps, last = self.semantic(images)
        joined = self.bga(self.detail(images), last)
        return (*maps[:2], joined, *maps[2:]) if self.semantic_maps else (joined,)


class DetailBranch(nn.Module):
    """3x3 convolutions to stride 8."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.detail_branch = nn.Sequential()
        for i, width in enumerate(widths):
            inner = (ConvNormAct(width, width, 3) for _ in range(1 if i == 0 else 2))
            self.detail_branch.append(nn.Sequential(ConvNormAct(in_channels, width, 3, 2), *inner))
            in_channels = width

    def forward(self, x: Tensor) -> Tensor:
        return self.detail_branch(x)


class SemanticBranch(nn.Module):
    """A stem of stride 4, stages of strides 8, 16, 32, and the last map with its context."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stage1 = Stem(in_channels, widths[0])
        for i, (before, width, depth) in enumerate(zip(widths, widths[1:], DEPTHS), 2):
            inner = (GatherExpand(width) for _ in range(depth - 1))
            setattr(self, f"stage{i}", nn.Sequential(GatherExpandDown(before, width), *inner))
        self.stage4_CEBlock = ContextEmbedding(widths[-1])

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in (self.stage1, self.stage2, self.stage3, self.stage4, self.stage4_CEBlock):
            x = stage(x)
            maps.append(x)
        return maps


class Stem(nn.Module):
    """A strided convolution; then another and max pooling side by side."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv_first = ConvNormAct(in_channels, channels, 3, 2)
        self.convs = nn.Sequential(ConvNormAct(channels, channels // 2), ConvNormAct(channels // 2, channels, 3, 2))
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.fuse_last = ConvNormAct(2 * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(x)
        return self.fuse_last(torch.cat([self.convs(x), self.pool(x)], dim=1))


class GatherExpand(nn.Module):
    """3x3, a depthwise convolution that multiplies the channels, 1x1 back, and the shortcut."""

    def __init__(self, channels: int, ratio: int = 6) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(channels, channels, 3)
        self.dwconv = nn.Sequential(ConvNormAct(channels, ratio * channels, 3, groups=channels))
        self.conv2 = nn.Sequential(ConvNormAct(ratio * channels, channels, act=None))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.dwconv(self.conv1(x))) + x)


class GatherExpandDown(nn.Module):
    """The same with a stride of 2: two depthwise convolutions, and a separable one in the shortcut."""

    def __init__(self, in_channels: int, channels: int, ratio: int = 6) -> None:
        super().__init__()
        wide = ratio * in_channels
        self.conv1 = ConvNormAct(in_channels, in_channels, 3)
        self.dwconv = nn.Sequential(
            ConvNormAct(in_channels, wide, 3, 2, groups=in_channels, act=None), ConvNormAct(wide, wide, 3, groups=wide)
        )
        self.conv2 = nn.Sequential(ConvNormAct(wide, channels, act=None))
        self.shortcut = nn.Sequential(
            ConvNormAct(in_channels, in_channels, 3, 2, groups=in_channels, act=None),
            ConvNormAct(in_channels, channels, act=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.dwconv(self.conv1(x))) + self.shortcut(x))


class ContextEmbedding(nn.Module):
    """The image's average, projected and added to each pixel; then a 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(channels))
        self.conv_gap = ConvNormAct(channels, channels)
        self.conv_last = ConvNormAct(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_last(x + self.conv_gap(self.gap(x)))


class Aggregation(Resizing):
    """Each branch gates the other, at the size of each; both results are summed at the finer one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.detail_dwconv = separable(channels)
        self.detail_down = nn.Sequential(ConvNormAct(channels, channels, 3, 2, act=None), nn.AvgPool2d(3, 2, padding=1))
        self.semantic_conv = nn.Sequential(ConvNormAct(channels, channels, 3, act=None))
        self.semantic_dwconv = separable(channels)
        self.conv = ConvNormAct(channels, channels, 3)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        size = detail.shape[-2:]
        fine = self.detail_dwconv(detail) * torch.sigmoid(self.resize(self.semantic_conv(semantic), size))
        coarse = self.detail_down(detail) * torch.sigmoid(self.semantic_dwconv(semantic))
        return self.conv(fine + self.resize(coarse, size))


def separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        ConvNormAct(channels, channels, 3, groups=channels, act=None), nn.Conv2d(channels, channels, 1)
    )
