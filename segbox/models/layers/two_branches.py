"""What DDRNet and PIDNet are built of: residual blocks in rows, and the pooling behind the deep branch."""

import torch
from torch import Tensor, nn

from .conv import ConvNormAct
from .initialize import ResidualBlock
from .norm_act_conv import NormActConv
from .resize import resize

POOLS = ((5, 2), (9, 4), (17, 8))  # window and stride


class Basic(ResidualBlock):
    """Two 3x3 convolutions; `act` is the ReLU behind the sum."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, act: bool = True) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, channels, 3, stride)
        self.conv2 = ConvNormAct(channels, channels, 3, act=None)
        self.downsample = shortcut(in_channels, channels, stride)
        self.act = nn.ReLU() if act else nn.Identity()

    @property
    def last_norm(self) -> nn.Module:
        return self.conv2.norm

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv2(self.conv1(x)) + self.downsample(x))


class Bottleneck(ResidualBlock):
    """1x1, 3x3 (with the stride), 1x1 to twice the channels; no ReLU behind the sum."""

    expansion = 2

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(in_channels, channels)
        self.conv2 = ConvNormAct(channels, channels, 3, stride)
        self.conv3 = ConvNormAct(channels, self.expansion * channels, act=None)
        self.downsample = shortcut(in_channels, self.expansion * channels, stride)

    @property
    def last_norm(self) -> nn.Module:
        return self.conv3.norm

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(self.conv2(self.conv1(x))) + self.downsample(x)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNormAct(in_channels, out_channels, stride=stride, act=None)


def basics(in_channels: int, channels: int, depth: int, stride: int = 1) -> nn.Sequential:
    """Basic blocks in a row; what reads them applies the ReLU behind the last sum."""
    last = depth - 1
    blocks = (Basic(channels, channels, act=i < last) for i in range(1, depth))
    return nn.Sequential(Basic(in_channels, channels, stride, act=last > 0), *blocks)


def bottlenecks(in_channels: int, channels: int, depth: int = 1, stride: int = 1) -> nn.Sequential:
    wide = Bottleneck.expansion * channels
    blocks = (Bottleneck(wide, channels) for _ in range(1, depth))
    return nn.Sequential(Bottleneck(in_channels, channels, stride), *blocks)


def stem(in_channels: int, channels: int, depth: int) -> nn.Sequential:
    """From the image to stride 8 and twice the channels."""
    return nn.Sequential(
        ConvNormAct(in_channels, channels, 3, 2),
        ConvNormAct(channels, channels, 3, 2),
        basics(channels, channels, depth),
        nn.ReLU(),
        basics(channels, 2 * channels, depth, stride=2),
        nn.ReLU(),
    )


class PyramidPooling(nn.Module):
    """Averages over windows of three sizes and over the image, each projected and brought to the map's size.

    `parallel` is PIDNet's: all of them are mixed with the map at once. In DDRNet each is mixed with the one before,
    from small windows to large ones. Corners are never aligned here.
    """

    def __init__(self, in_channels: int, channels: int, out_channels: int, parallel: bool) -> None:
        super().__init__()
        pools = [*(nn.AvgPool2d(window, stride, window // 2) for window, stride in POOLS), nn.AdaptiveAvgPool2d(1)]
        project = (nn.Sequential(pool, NormActConv(in_channels, channels)) for pool in pools)
        self.scales = nn.ModuleList([NormActConv(in_channels, channels), *project])
        count, self.parallel = len(pools), parallel
        self.processes = (
            NormActConv(count * channels, count * channels, 3, groups=count)
            if parallel
            else nn.ModuleList(NormActConv(channels, channels, 3) for _ in pools)
        )
        self.compression = NormActConv((1 + count) * channels, out_channels)
        self.shortcut = NormActConv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        first, *coarse = (scale(x) for scale in self.scales)
        coarse = [resize(y, x.shape[-2:]) for y in coarse]
        parts = [first]
        if self.parallel:
            parts.append(self.processes(torch.cat([y + first for y in coarse], dim=1)))
        else:
            for process, y in zip(self.processes, coarse, strict=True):
                parts.append(process(y + parts[-1]))
        return self.compression(torch.cat(parts, dim=1)) + self.shortcut(x)
