"""MobileNet (https://arxiv.org/abs/1704.04861): alternating depthwise and pointwise convolutions."""

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, stage_ends, trade_strides
from segbox.registry import BACKBONES

# channels of the first convolution (of stride 2); channels and stride of each block
LAYOUT = (
    32,
    ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)),
)
# variant: (factor for all channels, layout)
VARIANTS = {
    "1.0": (1.0, LAYOUT),
    "0.75": (0.75, LAYOUT),
    "0.5": (0.5, LAYOUT),
    "0.25": (0.25, LAYOUT),
    "test": (1.0, (4, ((8, 1), (8, 2), (16, 2), (16, 2), (24, 2), (24, 1)))),
}
ACTIVATIONS = {"relu6": nn.ReLU6, "relu": nn.ReLU}
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "1.0": "timm://mobilenetv1_100.ra4_e3600_r224_in1k",
}


@BACKBONES.register
class MobileNetV1(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32. `output_stride` 16 or 8 uses dilation.

    `act` is "relu6", with which the public weights were trained, or the paper's "relu".
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self, variant: str = "1.0", output_stride: int = 32, in_channels: Count = 3, act: str = "relu6"
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no MobileNetV1 {variant!r}; variants: {', '.join(VARIANTS)}")
        if act not in ACTIVATIONS:
            raise ValueError(f"act {act!r} is none of: {', '.join(ACTIVATIONS)}")
        self.form = variant + ("" if act == "relu6" else f" with {act}")
        factor, (first, rows) = VARIANTS[variant]
        widths = [int(factor * width) for width in (first, *(width for width, _ in rows))]
        strides = [2, *(stride for _, stride in rows)]
        plan = trade_strides(strides, output_stride)

        layers: list[nn.Module] = [ConvNormAct(in_channels, widths[0], 3, stride=2, act=ACTIVATIONS[act])]
        for before, width, (stride, dilation) in zip(widths, widths[1:], plan[1:]):
            layers.append(depthwise_pointwise(before, width, stride, dilation, ACTIVATIONS[act]))
        self.features = nn.Sequential(*layers)
        self.taps = stage_ends(strides)
        self.channels = tuple(widths[tap] for tap in self.taps)
        self.strides = tuple(prod(stride for stride, _ in plan[: tap + 1]) for tap in self.taps)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, maps = images, []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return tuple(maps)


def depthwise_pointwise(
    in_channels: int, out_channels: int, stride: int, dilation: int, act: type[nn.Module]
) -> nn.Sequential:
    return nn.Sequential(
        ConvNormAct(in_channels, in_channels, 3, stride, dilation, groups=in_channels, act=act),
        ConvNormAct(in_channels, out_channels, act=act),
    )
