"""PoolFormer (https://arxiv.org/abs/2111.11418)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.drop_path import DropPath, drop_rates
from segbox.registry import BACKBONES

# variant: channels and blocks of each stage, where the factors of the residual branches begin
VARIANTS = {
    "s12": ((64, 128, 320, 512), (2, 2, 6, 2), 1e-5),
    "s24": ((64, 128, 320, 512), (4, 4, 12, 4), 1e-5),
    "s36": ((64, 128, 320, 512), (6, 6, 18, 6), 1e-6),
    "m36": ((96, 192, 384, 768), (6, 6, 18, 6), 1e-6),
    "m48": ((96, 192, 384, 768), (8, 8, 24, 8), 1e-6),
    "test": ((8, 16, 24, 32), (1, 1, 2, 1), 1e-5),
}
STEM = 4  # its stride
MLP_RATIO = 4
# form -> the ImageNet weights of its authors
IMAGENET = {name: f"timm://poolformer_{name}.sail_in1k" for name in VARIANTS if name != "test"}


@BACKBONES.register
class PoolFormer(nn.Module):
    """Four maps of strides 4, 8, 16, 32. Where a transformer has attention, there is the mean of 3x3 neighbours.

    Images are padded to whole cells of stride 4. `map_norm` is a norm on each map, as in segmentation: for heads that
    read all maps.
    """

    imagenet: ClassVar[Mapping[str, str]] = IMAGENET
    layer_pattern = r"(?:embeds|stages)\.(\d+)\."

    def __init__(
        self, variant: str = "s12", in_channels: Count = 3, drop_path: Fraction = 0.0, map_norm: bool = False
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no PoolFormer {variant!r}; variants: {', '.join(VARIANTS)}")
        self.form = variant
        widths, depths, scale = VARIANTS[variant]
        rates = iter(drop_rates(drop_path, sum(depths)))
        self.embeds = nn.ModuleList([nn.Conv2d(in_channels, widths[0], 7, STEM, 2)])
        self.embeds.extend(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:]))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width, scale, next(rates)) for _ in range(depth)))
            for width, depth in zip(widths, depths)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, c) if map_norm else nn.Identity() for c in widths)
        self.channels = widths
        self.strides = (4, 8, 16, 32)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        height, width = images.shape[-2:]
        x = F.pad(images, (0, -width % STEM, 0, -height % STEM))
        maps = []
        for embed, stage, norm in zip(self.embeds, self.stages, self.norms):
            x = stage(embed(x))
            maps.append(norm(x))
        return tuple(maps)


class Block(nn.Module):
    """Pooling and two 1x1 convolutions, each with a norm before it and a residual connection."""

    def __init__(self, width: int, scale: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, width)
        self.norm2 = nn.GroupNorm(1, width)
        hidden = MLP_RATIO * width
        self.mlp = nn.Sequential(nn.Conv2d(width, hidden, 1), nn.GELU(), nn.Conv2d(hidden, width, 1))
        self.scale1 = nn.Parameter(torch.full((width, 1, 1), scale))
        self.scale2 = nn.Parameter(torch.full((width, 1, 1), scale))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        means = F.avg_pool2d(y, 3, 1, 1, count_include_pad=False)
        x = x + self.drop_path(self.scale1 * (means - y))
        return x + self.drop_path(self.scale2 * self.mlp(self.norm2(x)))
