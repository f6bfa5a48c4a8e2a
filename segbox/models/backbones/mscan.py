"""MSCAN, the backbone of SegNeXt (https://arxiv.org/abs/2209.08575). The names of the parameters are its authors'."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import DepthwiseConv2d, initialize
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES

# variant: channels, ratios of the MLPs, blocks of the four stages
VARIANTS = {
    "t": ((32, 64, 160, 256), (8, 8, 4, 4), (3, 3, 5, 2)),
    "s": ((64, 128, 320, 512), (8, 8, 4, 4), (2, 2, 4, 2)),
    "b": ((64, 128, 320, 512), (8, 8, 4, 4), (3, 3, 12, 3)),
    "l": ((64, 128, 320, 512), (8, 8, 4, 4), (3, 5, 27, 3)),
    "test": ((4, 4, 8, 8), (2, 2, 2, 2), (1, 1, 1, 2)),
}
STRIPS = (7, 11, 21)  # lengths of the pairs of strip convolutions
SCALE = 1e-2  # with which a branch begins
OPENMMLAB = "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segnext"
# form -> the ImageNet weights of its authors
IMAGENET = {
    "t": f"{OPENMMLAB}/mscan_t_20230227-119e8c9f.pth",
    "s": f"{OPENMMLAB}/mscan_s_20230227-f33ccdf2.pth",
    "b": f"{OPENMMLAB}/mscan_b_20230227-3ab7d230.pth",
    "l": f"{OPENMMLAB}/mscan_l_20230227-cef260d4.pth",
}


@BACKBONES.register
class MSCAN(nn.Module):
    """Convolutional attention by strips of several lengths: maps of strides 4, 8, 16, 32, each behind a layer norm.

    `drop_path` is the rate of the last block; it rises from 0 at the first one.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(self, variant: str = "t", in_channels: Count = 3, drop_path: float = 0.1) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no MSCAN {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        self.channels, ratios, depths = VARIANTS[variant]
        self.strides = (4, 8, 16, 32)
        rates = iter(drop_rates(drop_path, sum(depths)))
        for i, (width, ratio, depth) in enumerate(zip(self.channels, ratios, depths, strict=True), 1):
            embed = Stem(in_channels, width) if i == 1 else Downsample(self.channels[i - 2], width)
            setattr(self, f"patch_embed{i}", embed)
            setattr(self, f"block{i}", nn.Sequential(*(Block(width, ratio, next(rates)) for _ in range(depth))))
            setattr(self, f"norm{i}", nn.LayerNorm(width))
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps, x = [], images
        for i in range(1, 5):
            x = getattr(self, f"block{i}")(getattr(self, f"patch_embed{i}")(x))
            x = getattr(self, f"norm{i}")(x.movedim(1, -1)).movedim(-1, 1).contiguous()
            maps.append(x)
        return tuple(maps)


class Stem(nn.Module):
    """Two strided 3x3 convolutions."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.proj = nn.Sequential(
            nn.Conv2d(in_channels, half, 3, 2, 1),
            nn.BatchNorm2d(half),
            nn.GELU(),
            nn.Conv2d(half, channels, 3, 2, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class Downsample(nn.Module):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, 3, 2, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))


class Block(nn.Module):
    """Attention, then an MLP with a depthwise 3x3 in it; each is added to its input, scaled for each channel."""

    def __init__(self, channels: int, ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.attn = Attention(channels)
        self.norm2 = nn.BatchNorm2d(channels)
        self.mlp = MLP(channels, ratio * channels)
        self.drop_path = DropPath(drop_path)
        self.layer_scale_1 = nn.Parameter(torch.full((channels,), SCALE))
        self.layer_scale_2 = nn.Parameter(torch.full((channels,), SCALE))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.layer_scale_1[:, None, None] * self.attn(self.norm1(x)))
        return x + self.drop_path(self.layer_scale_2[:, None, None] * self.mlp(self.norm2(x)))


class Attention(nn.Module):
    """A gate between two 1x1 convolutions, and a shortcut around all."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(channels, channels, 1)
        self.activation = nn.GELU()
        self.spatial_gating_unit = StripGate(channels)
        self.proj_2 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.proj_2(self.spatial_gating_unit(self.activation(self.proj_1(x))))


class StripGate(nn.Module):
    """Each pixel times what depthwise convolutions gather around it: 5x5, then strips of 7, 11 and 21 both ways."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = DepthwiseConv2d(channels, 5, bias=True)
        for i, length in enumerate(STRIPS):
            reach = length // 2
            row = nn.Conv2d(channels, channels, (1, length), padding=(0, reach), groups=channels)
            column = nn.Conv2d(channels, channels, (length, 1), padding=(reach, 0), groups=channels)
            setattr(self, f"conv{i}_1", row)
            setattr(self, f"conv{i}_2", column)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        near = self.conv0(x)
        strips = (getattr(self, f"conv{i}_2")(getattr(self, f"conv{i}_1")(near)) for i in range(len(STRIPS)))
        return self.conv3(sum(strips, start=near)) * x


class MLP(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, width, 1)
        self.dwconv = DepthwiseConv2d(width, bias=True)
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.dwconv(self.fc1(x))))
