"""K-Net (https://arxiv.org/abs/2106.14855), for classes of pixels."""

from collections.abc import Mapping
from typing import Annotated

import torch
from torch import Tensor, nn

from segbox.arguments import UNKNOWN, Count, Depth, Made
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.transformer import AttentionLayer, MLPLayer
from segbox.registry import HEADS

from .head import Criterion, DecodeHead
from .pixel_head import PixelHead

OFFERED = {"in_channels": UNKNOWN, "in_strides": UNKNOWN, "num_classes": UNKNOWN}
GENERATOR = {"type": "FCNHead", "channels": 512, "num_convs": 2, "concat_input": True}


@HEADS.register
class KNetHead(DecodeHead):
    """A head's classifier, one kernel per class, that is updated in stages by what each class covers in the image.

    `generator` is the dict of that head: FCNHead (the default, with two convolutions), PSPHead, DeepLabV3Head or
    UPerHead. The predictions of the generator and of all stages are trained. Kernels are updated `group_channels` of
    their channels at a time, by the same weights.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        generator: Annotated[Mapping, Made(HEADS, OFFERED)] | None = None,
        num_stages: Depth = 3,
        hidden: Count = 2048,
        num_heads: Count = 8,
        group_channels: Count = 256,
    ) -> None:
        super().__init__()
        maps = {"in_channels": in_channels, "in_strides": in_strides}
        self.generator = HEADS.build(generator or GENERATOR, "generator", **maps, num_classes=num_classes)
        if not isinstance(self.generator, PixelHead):
            names = ", ".join(name for name in HEADS if issubclass(HEADS[name], PixelHead))
            kind = type(self.generator).__name__
            raise ValueError(f"generator: {kind} does not end in one kernel per class; take one of {names}")
        channels = self.generator.classify.in_channels
        if channels % group_channels:
            raise ValueError(f"group_channels {group_channels} does not divide the generator's {channels} channels")
        self.stages = nn.ModuleList(Stage(channels, group_channels, num_heads, hidden) for _ in range(num_stages))

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.predictions(features)[-1]

    def predictions(self, features: tuple[Tensor, ...]) -> list[Tensor]:
        """The logits of the generator and of each stage."""
        pixels = self.generator.pixels(features)
        classify = self.generator.classify
        logits = [classify(self.generator.dropout(pixels))]
        kernels = classify.weight.flatten(1).expand(pixels.shape[0], -1, -1)
        for stage in self.stages:
            kernels, last = stage(kernels, logits[-1], pixels)
            logits.append(last)
        return logits

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        *earlier, last = self.predictions(features)
        losses = dict(criterion(last, labels))
        for i, logits in enumerate(earlier):
            losses |= {f"stage{i}.{name}": value for name, value in criterion(logits, labels).items()}
        return losses


class Stage(nn.Module):
    """Kernels B K C, logits B K h w and pixels B C h w to the next kernels and logits."""

    def __init__(self, channels: int, group_channels: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, channels, 1)
        self.update = KernelUpdate(group_channels)
        self.exchange = AttentionLayer(channels, heads)
        self.mlp = MLPLayer(channels, hidden)
        self.refine = nn.Sequential(
            nn.Linear(channels, channels, bias=False), nn.LayerNorm(channels), nn.ReLU(), nn.Linear(channels, channels)
        )

    def forward(self, kernels: Tensor, logits: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        pixels = self.project(pixels)
        kernels = self.update(kernels, sums_over_masks(logits, pixels))
        kernels = self.mlp(self.exchange(kernels, kernels, kernels, kernels))
        return kernels, torch.einsum("bkc,bchw->bkhw", self.refine(kernels), pixels)


def sums_over_masks(logits: Tensor, pixels: Tensor) -> Tensor:
    """For each class the sum of the pixels, weighted by the class's probability: B K C."""
    with full_precision(pixels):
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        shares = wide.sigmoid() if wide.shape[1] == 1 else wide.softmax(dim=1)
        return torch.einsum("bkhw,bchw->bkc", shares, pixels.to(wide.dtype)).to(pixels.dtype)


class KernelUpdate(nn.Module):
    """Kernels and what their masks cover, both B K C, mixed by two gates."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.of_found = nn.Linear(channels, 2 * channels)
        self.of_kernels = nn.Linear(channels, 2 * channels)
        self.kernel_gate = gate(channels)
        self.found_gate = gate(channels)
        self.kernel_norm = nn.LayerNorm(channels)
        self.found_norm = nn.LayerNorm(channels)
        self.out = nn.Sequential(nn.Linear(channels, channels), nn.LayerNorm(channels), nn.ReLU())

    def forward(self, kernels: Tensor, found: Tensor) -> Tensor:
        groups = found.unflatten(2, (-1, self.channels)), kernels.unflatten(2, (-1, self.channels))
        found_in, found_out = self.of_found(groups[0]).chunk(2, dim=-1)
        kernels_in, kernels_out = self.of_kernels(groups[1]).chunk(2, dim=-1)
        both = kernels_in * found_in
        mixed = self.found_gate(both) * self.found_norm(found_out)
        mixed = mixed + self.kernel_gate(both) * self.kernel_norm(kernels_out)
        return self.out(mixed).flatten(2)


def gate(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, channels), nn.LayerNorm(channels), nn.Sigmoid())
