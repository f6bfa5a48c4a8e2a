"""Xception (https://arxiv.org/abs/1610.02357), modified and aligned as in DeepLabV3+ (https://arxiv.org/abs/1802.02611)."""

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, ResidualBlock, trade_strides
from segbox.registry import BACKBONES

# variant: (channels of the stem, of the three entry blocks, number of middle blocks, channels inside the exit block
# and of the convolutions behind it)
VARIANTS = {
    "41": ((32, 64), (128, 256, 728), 8, (728, 1024, 1024), (1536, 1536, 2048)),
    "65": ((32, 64), (128, 256, 728), 16, (728, 1024, 1024), (1536, 1536, 2048)),
    "test": ((4, 8), (8, 16, 24), 2, (24, 24, 32), (32, 32, 40)),
}
EPS = 1e-3
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "65": "timm://xception65.tf_in1k",
    "41": "timm://xception41.tf_in1k",
}


@BACKBONES.register
class Xception(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32. `output_stride` 16 or 8 keeps the last ones finer by dilation.

    The maps of strides 4, 8 and 16 are sums before their ReLU. As in TensorFlow's code, from which all public weights
    are, the residual blocks have no ReLU between a depthwise convolution and its pointwise one (`depthwise_act=True`
    adds it), and the `eps` of the norms is 1e-3.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self,
        variant: str = "65",
        output_stride: int = 32,
        in_channels: Count = 3,
        depthwise_act: bool = False,
        eps: float = EPS,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no Xception {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = (
            variant + (" with depthwise_act" if depthwise_act else "") + (f" with eps {eps}" if eps != EPS else "")
        )
        (first, second), (a, b, c), num_middle, exit_block, last = VARIANTS[variant]
        plan = trade_strides([2, 2, 2, 2, 2, 1], output_stride)  # of the stages, and what the last one leaves
        middle_dilation, last_dilation = plan[4][1], plan[5][1]

        block = partial(Block, depthwise_act=depthwise_act)
        stem = nn.Sequential(ConvNormAct(in_channels, first, 3, stride=2), ConvNormAct(first, second, 3))
        entry = [
            block(second, (a, a, a), *plan[1], begins_with_relu=False),  # the stem ends with one
            block(a, (b, b, b), *plan[2]),
            block(b, (c, c, c), *plan[3]),
        ]
        middle = [block(c, (c, c, c), 1, middle_dilation) for _ in range(num_middle)]
        end = [block(c, exit_block, *plan[4])]
        for before, width in zip((exit_block[-1], *last), last):
            end += [separable_convolution(before, width, 1, last_dilation), nn.ReLU(inplace=True)]
        self.stages = nn.ModuleList(
            [stem, entry[0], entry[1], nn.Sequential(entry[2], *middle), nn.Sequential(*end)],
        )
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = eps
        self.channels = (second, a, b, c, last[-1])
        self.strides = tuple(prod(stride for stride, _ in plan[: i + 1]) for i in range(len(self.stages)))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, maps = images, []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


class Block(ResidualBlock):
    """Three times ReLU and separable convolution, the last one with the stride, added to the input."""

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, int, int],
        stride: int,
        dilation: int,
        begins_with_relu: bool = True,
        depthwise_act: bool = False,
    ) -> None:
        super().__init__()
        first, second, third = channels
        act = nn.ReLU if depthwise_act else None
        self.branch = nn.Sequential(
            nn.ReLU() if begins_with_relu else nn.Identity(),  # not in place: the shortcut needs its input
            separable_convolution(in_channels, first, 1, dilation, act),
            nn.ReLU(inplace=True),
            separable_convolution(first, second, 1, dilation, act),
            nn.ReLU(inplace=True),
            separable_convolution(second, third, stride, dilation, act),
        )
        has_same_shape = stride == 1 and in_channels == third
        self.shortcut = nn.Identity() if has_same_shape else ConvNormAct(in_channels, third, 1, stride, act=None)

    @property
    def last_norm(self) -> nn.Module:
        return self.branch[-1][-1].norm

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.branch(x)


def separable_convolution(
    in_channels: int, out_channels: int, stride: int, dilation: int, act: type[nn.Module] | None = nn.ReLU
) -> nn.Sequential:
    """`act` is that of the depthwise convolution."""
    return nn.Sequential(
        ConvNormAct(in_channels, in_channels, 3, stride, dilation, groups=in_channels, act=act),
        ConvNormAct(in_channels, out_channels, act=None),
    )
