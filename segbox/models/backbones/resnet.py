"""ResNet (https://arxiv.org/abs/1512.03385) with the stems and shortcuts that segmentation uses.

The names of the parameters are torchvision's; the three-convolution stems go by mmsegmentation's (`stem.0` ...).
"""

import torch
from torch import Tensor, nn

from segbox.models.layers import initialize_msra
from segbox.registry import BACKBONES

# variant: (bottleneck?, blocks per stage, width of the first stage)
VARIANTS = {
    "18": (False, (2, 2, 2, 2), 64),
    "34": (False, (3, 4, 6, 3), 64),
    "50": (True, (3, 4, 6, 3), 64),
    "101": (True, (3, 4, 23, 3), 64),
    "152": (True, (3, 8, 36, 3), 64),
    "test": (True, (1, 1, 1, 2), 8),
}
# stem: (widths of its 3x3 convolutions as multiples of the first stage's, or None for one 7x7; shortcut by pooling?)
STEMS = {
    "plain": (None, False),
    "C": ((0.5, 0.5, 1), False),
    "D": ((0.5, 0.5, 1), True),
    "S": ((1, 1, 2), False),
}
# output stride: stride of the four stages
STAGE_STRIDES = {32: (1, 2, 2, 2), 16: (1, 2, 2, 1), 8: (1, 2, 1, 1)}


@BACKBONES.register
class ResNet(nn.Module):
    """Five maps of strides 2, 4, 8, 16, 32. `output_stride` 16 or 8 keeps the last ones finer by dilation."""

    def __init__(self, variant: str = "50", output_stride: int = 32, in_channels: int = 3, stem: str = "plain") -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no ResNet {variant!r}; variants: {', '.join(VARIANTS)}")
        if stem not in STEMS:
            raise ValueError(f"there is no stem {stem!r}; stems: {', '.join(STEMS)}")
        if output_stride not in STAGE_STRIDES:
            raise ValueError(f"output_stride {output_stride!r} is none of 8, 16, 32")
        is_bottleneck, depths, width = VARIANTS[variant]
        widths, pooled_shortcut = STEMS[stem]
        block = Bottleneck if is_bottleneck else BasicBlock

        if widths is None:
            self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            channels = width
        else:
            self.stem = deep_stem(in_channels, [int(width * w) for w in widths])
            channels = int(width * widths[-1])
        self.maxpool = nn.MaxPool2d(3, 2, 1)

        stem_channels, stride, dilation = channels, 4, 1
        strides, outputs = [2], [stem_channels]
        for i, (depth, step) in enumerate(zip(depths, STAGE_STRIDES[output_stride])):
            first_dilation = dilation
            if i > 0 and step == 1:
                dilation *= 2  # the stride that this stage does not make
            blocks = []
            for j in range(depth):
                blocks.append(
                    block(
                        channels,
                        width * 2**i,
                        stride=step if j == 0 else 1,
                        dilation=first_dilation if j == 0 else dilation,
                        pooled_shortcut=pooled_shortcut,
                    )
                )
                channels = width * 2**i * block.expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            stride *= step
            strides.append(stride)
            outputs.append(channels)
        self.channels = tuple(outputs)
        self.strides = tuple(strides)
        self.has_deep_stem = widths is not None
        initialize_msra(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(images) if self.has_deep_stem else torch.relu(self.bn1(self.conv1(images)))
        maps = [x]
        x = self.maxpool(x)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, dilation: int, pooled_shortcut: bool) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(width, width, 1, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(in_channels, width, stride, pooled_shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """1x1 down, 3x3 (which carries the stride), 1x1 up."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, dilation: int, pooled_shortcut: bool) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, stride, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, out_channels, stride, pooled_shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + self.downsample(x))


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
