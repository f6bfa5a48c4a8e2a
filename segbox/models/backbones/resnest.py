"""ResNeSt (https://arxiv.org/abs/2004.08955). The names of parameters are timm's; the stem's are mmsegmentation's."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ResidualBlock, initialize
from segbox.models.layers.dilation import plan_blocks
from segbox.registry import BACKBONES

from .resnet import deep_stem, shortcut

# variant: (blocks per stage, width of the first stage, channels of the stem)
VARIANTS = {
    "14": ((1, 1, 1, 1), 64, 64),
    "26": ((2, 2, 2, 2), 64, 64),
    "50": ((3, 4, 6, 3), 64, 64),
    "101": ((3, 4, 23, 3), 64, 128),
    "200": ((3, 24, 36, 3), 64, 128),
    "269": ((3, 30, 48, 8), 64, 128),
    "test": ((1, 1, 1, 2), 8, 8),
}
RADIX = 2  # branches that the attention weighs
# form -> the best public ImageNet weights: its authors'
IMAGENET = {
    "14": "timm://resnest14d.gluon_in1k",
    "26": "timm://resnest26d.gluon_in1k",
    "50": "timm://resnest50d.in1k",
    "101": "timm://resnest101e.in1k",
    "200": "timm://resnest200e.in1k",
    "269": "timm://resnest269e.in1k",
}


@BACKBONES.register
class ResNeSt(nn.Module):
    """A ResNet-D with attention between two groups of channels in each block. Five maps of strides 2, 4, 8, 16, 32.

    `output_stride` 16 or 8 keeps the last ones finer by dilation.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(self, variant: str = "50", output_stride: int = 32, in_channels: Count = 3) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no ResNeSt {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        depths, width, channels = VARIANTS[variant]
        self.stem = deep_stem(in_channels, [channels // 2, channels // 2, channels])
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        plan = iter(plan_blocks(depths, output_stride))
        self.channels, self.strides, total = (channels,), (2,), 4
        for i, depth in enumerate(depths):
            blocks = nn.Sequential()
            for stride, dilation in (next(plan) for _ in range(depth)):
                blocks.append(SplitBottleneck(channels, width * 2**i, stride, dilation))
                channels = width * 2**i * SplitBottleneck.expansion
                total *= stride
            setattr(self, f"layer{i + 1}", blocks)
            self.channels += (channels,)
            self.strides += (total,)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = [self.stem(images)]
        x = self.maxpool(maps[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class SplitBottleneck(ResidualBlock):
    """1x1 down, split attention of 3x3, average pooling in place of a stride, 1x1 up."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SplitAttention(width, dilation)
        self.pool = nn.AvgPool2d(3, stride, padding=1) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut(in_channels, out_channels, stride, pooled=True)

    @property
    def last_norm(self) -> nn.Module:
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.pool(self.conv2(y))))
        return torch.relu(y + self.downsample(x))


class SplitAttention(nn.Module):
    """Two 3x3 convolutions of half of the channels each; their sum, weighted for each channel by averages of both."""

    def __init__(self, channels: int, dilation: int, reduction: int = 4, fewest: int = 32) -> None:
        super().__init__()
        squeezed = max(channels * RADIX // reduction, fewest)
        self.conv = nn.Conv2d(
            channels, channels * RADIX, 3, padding=dilation, dilation=dilation, groups=RADIX, bias=False
        )
        self.bn0 = nn.BatchNorm2d(channels * RADIX)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.bn1 = nn.BatchNorm2d(squeezed)
        self.fc2 = nn.Conv2d(squeezed, channels * RADIX, 1)

    def forward(self, x: Tensor) -> Tensor:
        splits = torch.relu(self.bn0(self.conv(x))).unflatten(1, (RADIX, -1))  # B 2 C H W
        averages = splits.sum(1).mean((2, 3), keepdim=True)  # B C 1 1
        scores = self.fc2(torch.relu(self.bn1(self.fc1(averages)))).unflatten(1, (RADIX, -1))
        return (splits * scores.softmax(dim=1)).sum(1)
