"""MobileNetV2 (https://arxiv.org/abs/1801.04381). The names of the parameters are torchvision's."""

from collections.abc import Callable, Mapping
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ResidualBlock, convolution, initialize, stage_ends, trade_strides
from segbox.registry import BACKBONES

# expansion, channels, blocks, stride of the first block
ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
TEST_ROWS = ((1, 8, 1, 1), (2, 8, 2, 2), (2, 8, 1, 2), (2, 16, 1, 2), (2, 16, 2, 1), (2, 24, 2, 2), (2, 32, 1, 1))
# variant: (factor for all channels, channels of the first and of the last convolution, rows)
VARIANTS = {
    "1.4": (1.4, (32, 1280), ROWS),
    "1.0": (1.0, (32, 1280), ROWS),
    "0.75": (0.75, (32, 1280), ROWS),
    "0.5": (0.5, (32, 1280), ROWS),
    "test": (1.0, (8, 40), TEST_ROWS),
}
DILATED = ("all", "first", "whole")
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "1.0": "torchvision://mobilenet_v2",
    "1.4": "timm://mobilenetv2_140.ra_in1k",
    "0.5": "timm://mobilenetv2_050.lamb_in1k",
}


@BACKBONES.register
class MobileNetV2(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32. `output_stride` 16 or 8 keeps the last ones finer by dilation.

    With `dilated="first"`, as in mmsegmentation, only the first block of each row of the paper's table is dilated, and
    so is the one that loses its stride. With `dilated="whole"`, as in smp, so is the latter beside all others.
    The last map is that of the 1x1 convolution to 1280 channels; `has_last_conv=False` leaves it out and returns the
    320 channels before it. The first block does not expand and, as in torchvision, has no 1x1 convolution for it;
    `expands_first=True` keeps that convolution (32 to 32), as BLSeg does.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self,
        variant: str = "1.0",
        output_stride: int = 32,
        in_channels: Count = 3,
        has_last_conv: bool = True,
        expands_first: bool = False,
        dilated: str = "all",
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no MobileNetV2 {variant!r}; variants: {', '.join(VARIANTS)}")
        if dilated not in DILATED:
            raise ValueError(f"dilated {dilated!r} is none of: {', '.join(DILATED)}")
        self.form = variant + (" with expands_first" if expands_first else "")
        factor, (first, last), rows = VARIANTS[variant]
        strides = [2, *(stride if j == 0 else 1 for *_, depth, stride in rows for j in range(depth))]
        strides += [1] * has_last_conv
        plan = trade_strides(strides, output_stride)

        widths = [round_channels(factor * first)]
        layers: list[nn.Module] = [conv_norm_act(in_channels, widths[0], 3, stride=2)]
        for expansion, width, depth, _ in rows:
            for i in range(depth):
                wanted, (stride, dilation) = strides[len(layers)], plan[len(layers)]
                if dilated != "all":
                    dilation *= wanted // stride
                if dilated == "first" and i > 0:
                    dilation = 1
                widths.append(round_channels(factor * width))
                has_expansion = expansion > 1 or expands_first
                layers.append(InvertedResidual(*widths[-2:], expansion, stride, dilation, has_expansion))
        if has_last_conv:
            widths.append(round_channels(max(factor, 1.0) * last))
            layers.append(conv_norm_act(*widths[-2:]))
        self.features = nn.Sequential(*layers)
        self.taps = stage_ends(strides)
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
    """1x1 up, depthwise 3x3, 1x1 down without activation; added to the input if the shapes are equal."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion: int,
        stride: int,
        dilation: int,
        has_expansion: bool,
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.conv = nn.Sequential(
            *([conv_norm_act(in_channels, width)] if has_expansion else []),
            conv_norm_act(width, width, 3, stride, dilation, groups=width),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.is_residual = stride == 1 and in_channels == out_channels

    @property
    def last_norm(self) -> nn.Module | None:
        return self.conv[-1] if self.is_residual else None

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.is_residual else self.conv(x)


def conv_norm_act(
    in_channels: int,
    out_channels: int,
    kernel: int = 1,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    act: Callable[[], nn.Module] = nn.ReLU6,
    make: Callable[..., nn.Module] = convolution,
) -> nn.Sequential:
    """Not ConvNormAct, as torchvision's parameters are named by the indices 0, 1, 2."""
    layer = make(in_channels, out_channels, kernel, stride, dilation, groups)
    return nn.Sequential(layer, norm(out_channels), act())


def round_channels(channels: float) -> int:
    """Rounded to a multiple of 8, but never down by more than 10 %."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
