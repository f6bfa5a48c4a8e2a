"""Fast-SCNN (https://arxiv.org/abs/1902.04502). The names of the parameters are mmsegmentation's."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, Resizing, initialize
from segbox.models.layers.pyramid_pooling import PyramidPooling
from segbox.registry import BACKBONES

# variant: channels of the first three convolutions, of the three stages, and of what is joined; blocks of a stage
VARIANTS = {
    "1.0": ((32, 48, 64), (64, 96, 128), 128, 3),
    "test": ((4, 4, 8), (4, 8, 8), 8, 1),
}
STRIDES = (2, 2, 1)  # of the stages
GRIDS = (1, 2, 3, 6)
EXPANSION = 6


@BACKBONES.register
class FastSCNN(Resizing):
    """A few convolutions to stride 8, an extractor of context down to stride 32, and both joined at stride 8: one map.

    `inner_maps` also gives what is joined, for auxiliary heads: strides 8, 8, 32, of which the second is the result.
    """

    def __init__(self, variant: str = "1.0", in_channels: Count = 3, inner_maps: bool = False) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no FastSCNN {variant!r}; variants: {', '.join(VARIANTS)}")
        (first, second, third), stages, joined, depth = VARIANTS[variant]
        self.learning_to_downsample = nn.Sequential(
            ConvNormAct(in_channels, first, 3, 2), separable(first, second, 2), separable(second, third, 2)
        )
        self.global_feature_extractor = ContextExtractor(third, stages, joined, depth)
        self.feature_fusion = Join(third, joined)
        self.inner_maps = inner_maps
        self.channels = (third, joined, joined) if inner_maps else (joined,)
        self.strides = (8, 8, 32) if inner_maps else (8,)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        fine = self.learning_to_downsample(images)
        coarse = self.global_feature_extractor(fine)
        joined = self.feature_fusion(fine, coarse)
        return (fine, joined, coarse) if self.inner_maps else (joined,)


def separable(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """A depthwise 3x3 without ReLU, and a 1x1."""
    depthwise = ConvNormAct(in_channels, in_channels, 3, stride, groups=in_channels, act=None)
    return nn.Sequential(depthwise, ConvNormAct(in_channels, out_channels))


class ContextExtractor(Resizing):
    """Three stages of inverted residual blocks, and pyramid pooling."""

    def __init__(self, in_channels: int, stages: tuple[int, ...], out_channels: int, depth: int) -> None:
        super().__init__()
        for i, (channels, stride) in enumerate(zip(stages, STRIDES, strict=True), 1):
            inner = (InvertedResidual(channels, channels, 1) for _ in range(depth - 1))
            setattr(self, f"bottleneck{i}", nn.Sequential(InvertedResidual(in_channels, channels, stride), *inner))
            in_channels = channels
        self.ppm = PyramidPooling(in_channels, in_channels // len(GRIDS), GRIDS)
        self.out = ConvNormAct(self.ppm.out_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bottleneck3(self.bottleneck2(self.bottleneck1(x)))
        return self.out(*self.ppm(x), size=x.shape[-2:], align_corners=self.align_corners)


class InvertedResidual(nn.Module):
    """1x1 up, depthwise 3x3, 1x1 down; a shortcut where the size and the channels stay."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        wide = EXPANSION * in_channels
        self.conv = nn.Sequential(
            ConvNormAct(in_channels, wide),
            ConvNormAct(wide, wide, 3, stride, groups=wide),
            ConvNormAct(wide, out_channels, act=None),
        )
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class Join(Resizing):
    """The context, resized and convolved depthwise, plus the fine map, both projected."""

    def __init__(self, fine_channels: int, channels: int) -> None:
        super().__init__()
        self.dwconv = ConvNormAct(channels, channels, 3, groups=channels)
        self.conv_lower_res = ConvNormAct(channels, channels, act=None)
        self.conv_higher_res = ConvNormAct(fine_channels, channels, act=None)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        coarse = self.conv_lower_res(self.dwconv(self.resize(coarse, fine.shape[-2:])))
        return torch.relu(self.conv_higher_res(fine) + coarse)
