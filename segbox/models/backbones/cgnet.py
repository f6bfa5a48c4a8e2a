"""CGNet (https://arxiv.org/abs/1811.08201). The names of the parameters are mmsegmentation's, but for the gates."""

from functools import partial

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, SqueezeExcitation, convolution, initialize
from segbox.registry import BACKBONES

# variant: channels, blocks of the last two stages, their dilations, their reductions in the gates
VARIANTS = {
    "m3n21": ((32, 64, 128), (3, 21), (2, 4), (8, 16)),
    "test": ((4, 8, 8), (2, 2), (2, 4), (2, 2)),
}
EPS = 1e-3  # of the norms


@BACKBONES.register
class CGNet(nn.Module):
    """Blocks that join what is near, what surrounds it and what is global: maps of strides 2, 4 and 8.

    The small image is concatenated to the first two maps.
    """

    def __init__(self, variant: str = "m3n21", in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no CGNet {variant!r}; variants: {', '.join(VARIANTS)}")
        (first, second, third), depths, rates, reductions = VARIANTS[variant]
        self.stem = nn.Sequential(
            *(prelu_conv(a, first, 3, stride) for a, stride in ((in_channels, 2), (first, 1), (first, 1)))
        )
        self.channels = (first + in_channels, 2 * second + in_channels, 2 * third)
        self.strides = (2, 4, 8)
        self.halve = nn.AvgPool2d(3, 2, padding=1)
        self.level1 = level(self.channels[0], second, depths[0], rates[0], reductions[0])
        self.level2 = level(self.channels[1], third, depths[1], rates[1], reductions[1])
        for i, channels in enumerate(self.channels):
            setattr(self, f"norm_prelu_{i}", nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels)))
        initialize(self)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = EPS

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        half = self.halve(images)
        finest = self.norm_prelu_0(torch.cat([self.stem(images), half], dim=1))
        down = self.level1[0](finest)
        fine = self.norm_prelu_1(torch.cat([self.level1[1:](down), down, self.halve(half)], dim=1))
        down = self.level2[0](fine)
        return finest, fine, self.norm_prelu_2(torch.cat([down, self.level2[1:](down)], dim=1))


def level(in_channels: int, channels: int, depth: int, rate: int, reduction: int) -> nn.Sequential:
    inner = (ContextGuided(channels, rate, reduction) for _ in range(depth - 1))
    return nn.Sequential(ContextGuidedDown(in_channels, channels, rate, reduction), *inner)


def prelu_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> ConvNormAct:
    return ConvNormAct(in_channels, out_channels, kernel, stride, act=partial(nn.PReLU, out_channels))


class Surroundings(nn.Module):
    """A depthwise 3x3 and a dilated one, concatenated, with norm and PReLU behind them."""

    def __init__(self, channels: int, rate: int) -> None:
        super().__init__()
        self.f_loc = convolution(channels, channels, 3, groups=channels)
        self.f_sur = convolution(channels, channels, 3, dilation=rate, groups=channels)
        self.norm = nn.BatchNorm2d(2 * channels)
        self.act = nn.PReLU(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(torch.cat([self.f_loc(x), self.f_sur(x)], dim=1)))


class ContextGuided(nn.Module):
    """1x1 to half of the channels, their surroundings, a gate for each channel, and a shortcut."""

    def __init__(self, channels: int, rate: int, reduction: int) -> None:
        super().__init__()
        self.conv1x1 = prelu_conv(channels, channels // 2, 1)
        self.join = Surroundings(channels // 2, rate)
        self.f_glo = SqueezeExcitation(channels, channels // reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f_glo(self.join(self.conv1x1(x)))


class ContextGuidedDown(nn.Module):
    """The same with a strided 3x3 at the beginning, a 1x1 before the gate, and no shortcut."""

    def __init__(self, in_channels: int, channels: int, rate: int, reduction: int) -> None:
        super().__init__()
        self.conv1x1 = prelu_conv(in_channels, channels, 3, 2)
        self.join = Surroundings(channels, rate)
        self.bottleneck = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.f_glo = SqueezeExcitation(channels, channels // reduction)

    def forward(self, x: Tensor) -> Tensor:
        return self.f_glo(self.bottleneck(self.join(self.conv1x1(x))))
