"""VGG (https://arxiv.org/abs/1409.1556), its convolutions only. The names of the parameters are torchvision's."""

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import initialize, trade_strides
from segbox.registry import BACKBONES

# variant: (convolutions per stage, channels of the stages, batch norm?)
VARIANTS = {
    "16": ((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), False),
    "19": ((2, 2, 4, 4, 4), (64, 128, 256, 512, 512), False),
    "16-bn": ((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), True),
    "19-bn": ((2, 2, 4, 4, 4), (64, 128, 256, 512, 512), True),
    "test": ((1, 1, 1, 1, 2), (4, 8, 8, 16, 16), False),
    "test-bn": ((1, 1, 1, 1, 2), (4, 8, 8, 16, 16), True),
}
TAPS = ("pooled", "before_pool", "before_pool_and_last")
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "16": "torchvision://vgg16",
    "19": "torchvision://vgg19",
    "16-bn": "torchvision://vgg16_bn",
    "19-bn": "torchvision://vgg19_bn",
}


@BACKBONES.register
class VGG(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32: the pooled ends of the stages.

    `taps="before_pool"` returns the inputs of the pools, of strides 1, 2, 4, 8, 16, and leaves out the last pool;
    SegNet pools them itself to get the indices of the maxima. `taps="before_pool_and_last"`, as in smp, returns the
    inputs of the pools of strides 2, 4, 8, 16 and what the last pool gives. Pools beyond `output_stride` are left out
    too, and the convolutions after them are dilated. Odd sizes are rounded up, while torchvision's pools round down.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self, variant: str = "16", output_stride: int = 32, in_channels: Count = 3, taps: str = "pooled"
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no VGG {variant!r}; variants: {', '.join(VARIANTS)}")
        if taps not in TAPS:
            raise ValueError(f"taps {taps!r} is none of: {', '.join(TAPS)}")
        self.form = variant
        depths, self.channels, has_norm = VARIANTS[variant]
        plan = trade_strides([2] * len(depths), output_stride)

        layers: list[nn.Module] = []
        pools = []  # their indices
        for depth, width, (stride, dilation) in zip(depths, self.channels, plan):
            for _ in range(depth):
                layers += convolution(in_channels, width, dilation, has_norm)
                in_channels = width
            pools.append(len(layers))
            layers.append(nn.Identity() if stride == 1 else nn.MaxPool2d(2, ceil_mode=True))
        after = [prod(stride for stride, _ in plan[: i + 1]) for i in range(len(plan))]  # the strides after the pools
        inputs, before = [place - 1 for place in pools], [1, *after[:-1]]
        self.taps, self.strides = tuple(pools), tuple(after)
        if taps == "before_pool":
            self.taps, self.strides, layers = tuple(inputs), tuple(before), layers[:-1]
        elif taps == "before_pool_and_last":
            self.taps, self.strides = (*inputs[1:], pools[-1]), (*before[1:], after[-1])
            self.channels = (*self.channels[1:], self.channels[-1])
        self.features = nn.Sequential(*layers)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, maps = images, []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return tuple(maps)


def convolution(in_channels: int, out_channels: int, dilation: int, has_norm: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(out_channels)] if has_norm else []
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation),  # with a bias, as in the paper
        *norm,
        nn.ReLU(inplace=True),
    ]
