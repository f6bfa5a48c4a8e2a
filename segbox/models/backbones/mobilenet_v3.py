"""MobileNetV3 (https://arxiv.org/abs/1905.02244). The names of the parameters are torchvision's."""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import (
    ResidualBlock,
    SqueezeExcitation,
    convolution,
    initialize,
    stage_ends,
    trade_strides,
)
from segbox.models.layers.same_padding import SameConv2d
from segbox.registry import BACKBONES

from .mobilenet_v2 import conv_norm_act, round_channels

RELU, SWISH = nn.ReLU, nn.Hardswish
# channels of the first convolution (of stride 2); the blocks: kernel, expanded and outgoing channels,
# squeeze and excitation?, activation, stride
LARGE = (
    16,
    (
        (3, 16, 16, False, RELU, 1),
        (3, 64, 24, False, RELU, 2),
        (3, 72, 24, False, RELU, 1),
        (5, 72, 40, True, RELU, 2),
        (5, 120, 40, True, RELU, 1),
        (5, 120, 40, True, RELU, 1),
        (3, 240, 80, False, SWISH, 2),
        (3, 200, 80, False, SWISH, 1),
        (3, 184, 80, False, SWISH, 1),
        (3, 184, 80, False, SWISH, 1),
        (3, 480, 112, True, SWISH, 1),
        (3, 672, 112, True, SWISH, 1),
        (5, 672, 160, True, SWISH, 2),
        (5, 960, 160, True, SWISH, 1),
        (5, 960, 160, True, SWISH, 1),
    ),
)
SMALL = (
    16,
    (
        (3, 16, 16, True, RELU, 2),
        (3, 72, 24, False, RELU, 2),
        (3, 88, 24, False, RELU, 1),
        (5, 96, 40, True, SWISH, 2),
        (5, 240, 40, True, SWISH, 1),
        (5, 240, 40, True, SWISH, 1),
        (5, 120, 48, True, SWISH, 1),
        (5, 144, 48, True, SWISH, 1),
        (5, 288, 96, True, SWISH, 2),
        (5, 576, 96, True, SWISH, 1),
        (5, 576, 96, True, SWISH, 1),
    ),
)
TEST = (
    8,
    (
        (3, 8, 8, True, RELU, 2),
        (3, 16, 8, False, RELU, 2),
        (5, 16, 16, True, SWISH, 2),
        (5, 32, 16, True, SWISH, 1),
        (5, 32, 24, True, SWISH, 2),
        (5, 48, 24, True, SWISH, 1),
    ),
)
VARIANTS = {"large": LARGE, "small": SMALL, "test": TEST}
TAPS = ("last", "first")
NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "large": "torchvision://mobilenet_v3_large",
    "small": "torchvision://mobilenet_v3_small",
}


@BACKBONES.register
class MobileNetV3(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32; the last is that of the 1x1 convolution (large: 960 channels).

    `taps="first"` returns the first block of each stride instead of the last one, as torchvision's LR-ASPP does.
    `output_stride` 16 or 8 uses dilation as torchvision does: a block that loses its stride is dilated too.
    `same_padding` pads strided convolutions as TensorFlow does, for weights that were trained so.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self,
        variant: str = "large",
        output_stride: int = 32,
        in_channels: Count = 3,
        taps: str = "last",
        same_padding: bool = False,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no MobileNetV3 {variant!r}; variants: {', '.join(VARIANTS)}")
        if taps not in TAPS:
            raise ValueError(f"taps {taps!r} is none of: {', '.join(TAPS)}")
        self.form = variant
        first, rows = VARIANTS[variant]
        strides = [2, *(row[-1] for row in rows), 1]
        plan = trade_strides(strides, output_stride)

        widths = [first]
        strided = SameConv2d if same_padding else convolution
        layers: list[nn.Module] = [conv_norm_act(in_channels, first, 3, stride=2, norm=NORM, act=SWISH, make=strided)]
        for (kernel, expanded, width, has_se, act, wanted), (stride, dilation) in zip(rows, plan[1:]):
            dilation *= wanted // stride
            middle = strided if stride > 1 else convolution
            layers.append(InvertedResidual(widths[-1], expanded, width, kernel, stride, dilation, has_se, act, middle))
            widths.append(width)
        widths.append(6 * widths[-1])
        layers.append(conv_norm_act(*widths[-2:], norm=NORM, act=SWISH))
        self.features = nn.Sequential(*layers)

        self.taps = stage_ends(strides)
        if taps == "first":
            self.taps = [i for i, stride in enumerate(strides) if stride > 1][:-1] + self.taps[-1:]
        self.channels = tuple(widths[tap] for tap in self.taps)
        self.strides = tuple(prod(stride for stride, _ in plan[: tap + 1]) for tap in self.taps)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, maps = images, []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return tuple(maps)


class InvertedResidual(ResidualBlock):
    """1x1 up, depthwise, squeeze and excitation, 1x1 down; added to the input if the shapes are equal."""

    def __init__(
        self,
        in_channels: int,
        expanded: int,
        out_channels: int,
        kernel: int,
        stride: int,
        dilation: int,
        has_se: bool,
        act: type[nn.Module],
        depthwise: Callable[..., nn.Module],
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if expanded != in_channels:
            layers.append(conv_norm_act(in_channels, expanded, norm=NORM, act=act))
        layers.append(conv_norm_act(expanded, expanded, kernel, stride, dilation, expanded, NORM, act, depthwise))
        if has_se:
            layers.append(SqueezeExcitation(expanded, round_channels(expanded // 4), gate=nn.Hardsigmoid))
        layers.append(conv_norm_act(expanded, out_channels, norm=NORM, act=nn.Identity))
        self.block = nn.Sequential(*layers)
        self.is_residual = stride == 1 and in_channels == out_channels

    @property
    def last_norm(self) -> nn.Module | None:
        return self.block[-1][1] if self.is_residual else None

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.is_residual else self.block(x)
