"""BiSeNet (https://arxiv.org/abs/1808.00897)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct, Resizing
from segbox.registry import HEADS

from .head import Criterion, DecodeHead


@HEADS.register
class BiSeNetHead(DecodeHead):
    """A shallow path over the image keeps detail, the backbone gives context, and both are fused at stride 8.

    The context is read from the last two maps (or the only one); in training each of them has its own loss. The 3x3
    before the classifiers is `head_channels` wide (default: half of `channels`), `context_head_channels` in the heads
    of the context (default: twice `channels`). mmsegmentation's network has `nearest` upsampling in the context path, a
    batch norm in the gate of the fusion (`gate_norm`), and these two widths exchanged.
    """

    sees_images = True

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        context_loss_weight: float = 1.0,
        nearest: bool = False,
        gate_norm: bool = False,
        head_channels: Count | None = None,
        context_head_channels: Count | None = None,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        image_channels, *map_channels = in_channels
        self.spatial = SpatialPath(image_channels, channels)
        self.context = ContextPath(map_channels[-2:], channels, nearest)
        self.fuse = FeatureFusion(2 * channels, gate_norm)
        width, context_width = head_channels or channels // 2, context_head_channels or 2 * channels
        self.convolve = ConvNormAct(2 * channels, width, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(width, num_classes, 1)
        self.classify_context = nn.ModuleList(
            nn.Sequential(ConvNormAct(channels, context_width, 3), nn.Conv2d(context_width, num_classes, 1))
            for _ in map_channels[-2:]
        )
        self.context_loss_weight = context_loss_weight

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        spatial = self.spatial(features[0])
        return self.predict(spatial, self.context(features[1:], spatial.shape[-2:])[-1])

    def predict(self, spatial: Tensor, context: Tensor) -> Tensor:
        return self.classify(self.dropout(self.convolve(self.fuse(torch.cat([spatial, context], dim=1)))))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        spatial = self.spatial(features[0])
        contexts = self.context(features[1:], spatial.shape[-2:])
        losses = criterion(self.predict(spatial, contexts[-1]), labels)
        for i, ((convolve, classify), context) in enumerate(zip(self.classify_context, contexts, strict=True)):
            own = criterion(classify(self.dropout(convolve(context))), labels)
            losses |= {f"context{i}.{name}": self.context_loss_weight * value for name, value in own.items()}
        return losses


class SpatialPath(nn.Sequential):
    """Three strided convolutions, from the image to stride 8."""

    def __init__(self, in_channels: int, channels: int) -> None:
        width = channels // 2
        super().__init__(
            ConvNormAct(in_channels, width, 7, stride=2),
            ConvNormAct(width, width, 3, stride=2),
            ConvNormAct(width, width, 3, stride=2),
            ConvNormAct(width, channels),
        )


class ContextPath(Resizing):
    """From the last map to finer ones: refine by attention, add the coarser context, upsample, convolve."""

    def __init__(self, in_channels: list[int], channels: int, nearest: bool) -> None:
        super().__init__()
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormAct(in_channels[-1], channels))
        self.attend = nn.ModuleList(AttentionRefinement(c, channels) for c in reversed(in_channels))
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels, 3) for _ in in_channels)
        self.nearest = nearest

    def forward(self, maps: tuple[Tensor, ...], size: torch.Size) -> list[Tensor]:
        """The context after each map; the last of them at `size`."""
        maps = maps[-len(self.attend) :][::-1]  # coarse to fine
        sizes = [*(m.shape[-2:] for m in maps[1:]), size]
        known = self.whole(maps[0])  # B C 1 1
        contexts = []
        for attend, smooth, x, next_size in zip(self.attend, self.smooth, maps, sizes, strict=True):
            known = attend(x) + known
            known = smooth(F.interpolate(known, next_size) if self.nearest else self.resize(known, next_size))
            contexts.append(known)
        return contexts


class AttentionRefinement(nn.Module):
    """A 3x3 convolution, with its channels scaled by gates computed from their averages."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.convolve = ConvNormAct(in_channels, channels, 3)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormAct(channels, channels, act=None), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolve(x)
        return x * self.gate(x)


class FeatureFusion(nn.Module):
    """1x1 convolution of both paths, plus the same scaled by gates computed from its averages."""

    def __init__(self, channels: int, gate_norm: bool, reduction: int = 4) -> None:
        super().__init__()
        self.mix = ConvNormAct(channels, channels)
        squeeze = [
            nn.Conv2d(channels, channels // reduction, 1),
            nn.ReLU(),
            nn.Conv2d(channels // reduction, channels, 1),
        ]
        layers = [ConvNormAct(channels, channels)] if gate_norm else squeeze
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), *layers, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(x)
        return x + x * self.gate(x)
