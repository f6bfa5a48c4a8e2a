"""HRNet (https://arxiv.org/abs/1908.07919). The names of the parameters are those of its authors."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import Resizing, initialize, resize
from segbox.registry import BACKBONES

from .resnet import BasicBlock, Bottleneck, no_squeeze

# variant: (channels of the stem, bottlenecks before the first split, channels of the finest branch,
# blocks per branch, modules in the stages of two, three and four branches)
VARIANTS = {
    "18-small": (64, 2, 18, 2, (1, 3, 2)),
    "18": (64, 4, 18, 4, (1, 4, 3)),
    "32": (64, 4, 32, 4, (1, 4, 3)),
    "48": (64, 4, 48, 4, (1, 4, 3)),
    "test": (8, 1, 4, 1, (1, 2, 1)),
}
PLAIN = (1, 1, False, no_squeeze)  # blocks without stride, dilation, pooled shortcut, squeeze and excitation
# form -> the best public ImageNet weights: its authors', who trained them with nearest-neighbour resizing
IMAGENET = {
    "18-small": "timm://hrnet_w18_small_v2.ms_in1k",
    "18": "timm://hrnet_w18.ms_in1k",
    "32": "timm://hrnet_w32.ms_in1k",
    "48": "timm://hrnet_w48.ms_in1k",
}


@BACKBONES.register
class HRNet(Resizing):
    """Four branches of strides 4, 8, 16 and 32, which exchange their maps after every few blocks.

    The output is one map of stride 4, all branches resized to the finest and concatenated (the paper's HRNetV2). With
    `concat=False` it is the four maps; use them with heads that read all of them, as UPerHead does.

    In the exchange, coarse maps are resized to the size of the finer one, never with aligned corners. `by_factor` first
    enlarges them by 2, 4 or 8, as mmsegmentation does: other numbers where the image's sides are no multiples of 32.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET

    def __init__(
        self, variant: str = "18", in_channels: Count = 3, concat: bool = True, by_factor: bool = False
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no HRNet {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        stem, bottlenecks, width, blocks, modules = VARIANTS[variant]
        self.conv1 = nn.Conv2d(in_channels, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        self.layer1, channels = nn.Sequential(), [stem]
        for _ in range(bottlenecks):
            self.layer1.append(Bottleneck(channels[0], stem, *PLAIN))
            channels = [stem * Bottleneck.expansion]
        for i, count in enumerate(modules, 1):
            widths = [width * 2**branch for branch in range(i + 1)]
            setattr(self, f"transition{i}", transition(channels, widths))
            stage = nn.Sequential(*(Exchange(widths, blocks, by_factor) for _ in range(count)))
            setattr(self, f"stage{i + 1}", stage)
            channels = widths
        self.concat = concat
        self.channels = (sum(channels),) if concat else tuple(channels)
        self.strides = (4,) if concat else (4, 8, 16, 32)
        initialize(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = torch.relu(self.bn1(self.conv1(images)))
        x = torch.relu(self.bn2(self.conv2(x)))
        maps = [self.layer1(x)]
        for change, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            sources = [*maps, maps[-1]]  # the new branch begins at the coarsest map
            maps = stage([layer(source) for layer, source in zip(change, sources)])
        if self.concat:
            return (torch.cat([self.resize(x, maps[0].shape[-2:]) for x in maps], dim=1),)
        return tuple(maps)


class Exchange(nn.Module):
    """Residual blocks on each branch; then every branch becomes the sum of all, brought to its size and channels."""

    def __init__(self, widths: list[int], blocks: int, by_factor: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width, *PLAIN, dilate_second=True) for _ in range(blocks)))
            for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(fuse_layer(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )
        self.by_factor = by_factor

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [self.fused(target, maps) for target in range(len(maps))]

    def fused(self, target: int, maps: list[Tensor]) -> Tensor:
        total = maps[target]
        for source, (layer, x) in enumerate(zip(self.fuse_layers[target], maps, strict=True)):
            if source < target:
                total = total + layer(x)
            elif source > target:
                total = total + self.enlarge(layer(x), 2 ** (source - target), total.shape[-2:])
        return torch.relu(total)

    def enlarge(self, x: Tensor, factor: int, size: torch.Size) -> Tensor:
        if self.by_factor:
            x = resize(x, (factor * x.shape[-2], factor * x.shape[-1]))
        return resize(x, size)


def transition(channels: list[int], widths: list[int]) -> nn.ModuleList:
    """To one branch more. A branch keeps its map if it keeps its channels."""
    layers = nn.ModuleList()
    for before, width in zip(channels, widths):
        layers.append(nn.Identity() if before == width else conv_norm(before, width, 1, nn.ReLU(inplace=True)))
    layers.append(nn.Sequential(conv_norm(channels[-1], widths[-1], 2, nn.ReLU(inplace=True))))
    return layers


def fuse_layer(widths: list[int], source: int, target: int) -> nn.Module:
    """From one branch to another: 1x1 towards finer maps, strided 3x3 for each step towards coarser ones."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(nn.Conv2d(widths[source], widths[target], 1, bias=False), nn.BatchNorm2d(widths[target]))
    steps = [conv_norm(widths[source], widths[source], 2, nn.ReLU()) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, conv_norm(widths[source], widths[target], 2))


def conv_norm(in_channels: int, out_channels: int, stride: int, *act: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), *act)
