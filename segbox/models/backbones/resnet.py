"""ResNet (https://arxiv.org/abs/1512.03385) with the stems and shortcuts that segmentation uses, and SE-ResNet
(https://arxiv.org/abs/1709.01507).

The names of the parameters are torchvision's; those of the three-convolution stems mmsegmentation's (`stem.0` ...).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ResidualBlock, SqueezeExcitation, initialize
from segbox.models.layers.dilation import plan_blocks
from segbox.registry import BACKBONES

# variant: (bottleneck?, blocks per stage, width of the first stage, squeeze and excitation?)
VARIANTS = {
    "10-half": (False, (1, 1, 1, 1), 32, False),  # only in segbox, for trials without a GPU
    "18": (False, (2, 2, 2, 2), 64, False),
    "34": (False, (3, 4, 6, 3), 64, False),
    "50": (True, (3, 4, 6, 3), 64, False),
    "101": (True, (3, 4, 23, 3), 64, False),
    "152": (True, (3, 8, 36, 3), 64, False),
    "se34": (False, (3, 4, 6, 3), 64, True),
    "se50": (True, (3, 4, 6, 3), 64, True),
    "test": (True, (1, 1, 1, 2), 8, False),
    "test-se": (False, (1, 1, 1, 2), 16, True),
}
# stem: (widths of its 3x3 convolutions as multiples of the first stage's, or None for one 7x7; shortcut by pooling?)
STEMS = {
    "plain": (None, False),
    "C": ((0.5, 0.5, 1), False),
    "D": ((0.5, 0.5, 1), True),
    "E": ((1, 1, 2), True),
    "S": ((1, 1, 2), False),
}
Squeeze = Callable[[int], nn.Module]  # channels -> the gate of a block
REDUCTION = 16  # of channels in squeeze and excitation
# form -> the best public ImageNet weights: those that papers began from
IMAGENET = {
    "18": "torchvision://resnet18",
    "34": "torchvision://resnet34",
    "50": "torchvision://resnet50",
    "101": "torchvision://resnet101",
    "152": "torchvision://resnet152",
    "se50 with se_bias": "timm://seresnet50.a1_in1k",
    "18-C": "https://download.openmmlab.com/pretrain/third_party/resnet18_v1c-b5776b93.pth",
    "50-C": "timm://resnet50c.gluon_in1k",
    "101-C": "timm://resnet101c.gluon_in1k",
    "152-C": "timm://resnet152c.gluon_in1k",
    "18-D": "timm://resnet18d.ra2_in1k",
    "34-D": "timm://resnet34d.ra2_in1k",
    "50-D": "timm://resnet50d.gluon_in1k",
    "101-D": "timm://resnet101d.gluon_in1k",
    "152-D": "timm://resnet152d.gluon_in1k",
    "50-S": "timm://resnet50s.gluon_in1k",
    "101-S": "timm://resnet101s.gluon_in1k",
    "152-S": "timm://resnet152s.gluon_in1k",
}


@BACKBONES.register
class ResNet(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32. `output_stride` 16 or 8 keeps the last ones finer by dilation.

    `num_stages` of the four are built: with 2, there are three maps, of strides 2, 4, 8. `se_bias`: the gates of
    squeeze and excitation have biases, as those with public weights do. `dilations` are of the four stages, in place of
    what replaces strides; the first block of a stage has half, unless `halve_first` is False. `multi_grid` are the
    dilations of the last stage's blocks. `dilate_second=False` dilates only the first convolution of the blocks of
    ResNet 18 and 34, as mmsegmentation does (other blocks have one of 3x3).
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET
    layer_pattern = r"layer(\d+)\."

    def __init__(
        self,
        variant: str = "50",
        output_stride: int = 32,
        in_channels: Count = 3,
        stem: str = "plain",
        se_bias: bool = False,
        dilations: tuple[Count, ...] | None = None,
        multi_grid: tuple[Count, ...] | None = None,
        dilate_second: bool = True,
        halve_first: bool = True,
        num_stages: int = 4,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no ResNet {variant!r}; variants: {', '.join(VARIANTS)}")
        if stem not in STEMS:
            raise ValueError(f"there is no stem {stem!r}; stems: {', '.join(STEMS)}")
        if num_stages not in range(1, 5):
            raise ValueError(f"num_stages {num_stages!r} is none of 1, 2, 3, 4")
        is_bottleneck, depths, width, has_se = VARIANTS[variant]
        if se_bias and not has_se:
            raise ValueError(f"se_bias=True: ResNet {variant} has no squeeze and excitation")
        self.form = variant + (f"-{stem}" if stem != "plain" else "") + (" with se_bias" if se_bias else "")
        depths = depths[:num_stages]
        widths, pooled_shortcut = STEMS[stem]
        expansion = Bottleneck.expansion if is_bottleneck else BasicBlock.expansion
        block = Bottleneck if is_bottleneck else partial(BasicBlock, dilate_second=dilate_second)
        squeeze = partial(squeeze_excitation, bias=se_bias) if has_se else no_squeeze

        self.has_deep_stem = widths is not None
        channels = self.add_stem(in_channels, [int(width * w) for w in widths or (1,)])
        self.maxpool = nn.MaxPool2d(3, 2, 1)

        plan = iter(plan_blocks(depths, output_stride, dilations, multi_grid, halve_first))
        self.channels, self.strides = (channels,), (2,)
        total = 4
        for i, depth in enumerate(depths):
            blocks = []
            for stride, dilation in (next(plan) for _ in range(depth)):
                blocks.append(block(channels, width * 2**i, stride, dilation, pooled_shortcut, squeeze))
                channels = width * 2**i * expansion
                total *= stride
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            self.channels += (channels,)
            self.strides += (total,)
        self.stages = [f"layer{i + 1}" for i in range(num_stages)]
        initialize(self)

    def add_stem(self, in_channels: int, widths: list[int]) -> int:
        """Returns the channels of its map."""
        if self.has_deep_stem:
            self.stem = deep_stem(in_channels, widths)
        else:
            self.conv1 = nn.Conv2d(in_channels, widths[0], 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(widths[0])
        return widths[-1]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(images) if self.has_deep_stem else torch.relu(self.bn1(self.conv1(images)))
        maps = [x]
        x = self.maxpool(x)
        for stage in self.stages:
            x = getattr(self, stage)(x)
            maps.append(x)
        return tuple(maps)


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        dilation: int,
        pooled_shortcut: bool,
        squeeze: Squeeze,
        dilate_second: bool,
    ) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(width, width, 1, dilation if dilate_second else 1)
        self.bn2 = nn.BatchNorm2d(width)
        self.se = squeeze(width)
        self.downsample = shortcut(in_channels, width, stride, pooled_shortcut)

    @property
    def last_norm(self) -> nn.Module:
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.se(self.bn2(self.conv2(y)))
        return self.relu(y + self.downsample(x))


class Bottleneck(ResidualBlock):
    """1x1 down, 3x3 (with the stride), 1x1 up."""

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, stride: int, dilation: int, pooled_shortcut: bool, squeeze: Squeeze
    ) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.se = squeeze(out_channels)
        self.downsample = shortcut(in_channels, out_channels, stride, pooled_shortcut)

    @property
    def last_norm(self) -> nn.Module:
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.se(self.bn3(self.conv3(y)))
        return self.relu(y + self.downsample(x))


def squeeze_excitation(channels: int, bias: bool) -> nn.Module:
    return SqueezeExcitation(channels, channels // REDUCTION, bias=bias)


def no_squeeze(channels: int) -> nn.Module:
    return nn.Identity()


def conv3x3(in_channels: int, out_channels: int, stride: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, dilation, dilation=dilation, bias=False)


def shortcut(in_channels: int, out_channels: int, stride: int, pooled: bool) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    convolution = nn.Conv2d(in_channels, out_channels, 1, 1 if pooled else stride, bias=False)
    pool = [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)] if pooled else []
    return nn.Sequential(*pool, convolution, nn.BatchNorm2d(out_channels))


def deep_stem(in_channels: int, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, width in enumerate(widths):
        convolution = nn.Conv2d(in_channels, width, 3, 2 if i == 0 else 1, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        in_channels = width
    return nn.Sequential(*layers)
