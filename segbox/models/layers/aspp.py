"""Atrous spatial pyramid pooling (https://arxiv.org/abs/1706.05587)."""

from torch import Tensor, nn

from .conv import ConvNormAct
from .resize import Resizing
from .window_mean import WindowMean


class ASPP(Resizing):
    """1x1, dilated 3x3 and the image's mean, concatenated; then a 1x1 convolution (or of `mix_kernel`).

    With `image_window`, a size in cells of the map, larger maps have means of windows in place of the image's.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rates: tuple[int, ...],
        dropout: float = 0.0,
        separable: bool = False,
        mix_kernel: int = 1,
        image_window: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        conv3x3 = separable_conv3x3 if separable else dilated_conv3x3
        self.point = ConvNormAct(in_channels, channels)
        self.atrous = nn.ModuleList(conv3x3(in_channels, channels, rate) for rate in rates)
        self.image = nn.Sequential(image_mean(image_window), ConvNormAct(in_channels, channels))
        self.project = ConvNormAct((2 + len(rates)) * channels, channels, mix_kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.point(x), *(a(x) for a in self.atrous), self.image(x)]
        return self.dropout(self.project(*maps, size=x.shape[-2:], align_corners=self.align_corners))


def image_mean(window: tuple[int, int] | None) -> nn.Module:
    return nn.AdaptiveAvgPool2d(1) if window is None else WindowMean(window)


def cells(window: tuple[int, int] | None, stride: int) -> tuple[int, int] | None:
    """A window of pixels as cells of a map."""
    return None if window is None else tuple(-(-side // stride) for side in window)


def atrous_rates(stride: int) -> tuple[int, ...]:
    """6, 12, 18 at stride 16; at other strides the same distance in pixels: 12, 24, 36 at stride 8."""
    return tuple(max(1, rate * 16 // stride) for rate in (6, 12, 18))


def dilated_conv3x3(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Module:
    return ConvNormAct(in_channels, out_channels, 3, dilation=dilation)


def separable_conv3x3(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Module:
    depthwise = ConvNormAct(in_channels, in_channels, 3, dilation=dilation, groups=in_channels)
    return nn.Sequential(depthwise, ConvNormAct(in_channels, out_channels))
