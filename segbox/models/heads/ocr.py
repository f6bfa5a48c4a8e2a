"""OCRNet's object-contextual representations (https://arxiv.org/abs/1909.11065)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .fcn import FCNHead
from .head import Criterion, DecodeHead


@HEADS.register
class OCRHead(DecodeHead):
    """A coarse prediction weights the pixels that describe each class; every pixel attends to these descriptions.

    The coarse prediction is that of an FCNHead on the map `coarse_level`, and has its own loss. On HRNet's only map, it
    is made by a 1x1 as wide as the map (`coarse_kernel`, `coarse_channels`).
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        key_channels: Count = 256,
        coarse_level: int = -2,
        coarse_loss_weight: float = 0.4,
        dropout: Fraction = 0.05,
        coarse_kernel: Count = 3,
        coarse_channels: Count | None = None,
        coarse_dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        level = max(coarse_level, -len(in_channels))  # a backbone with one map has no other
        self.coarse = FCNHead(
            in_channels, num_classes, level, coarse_channels, dropout=coarse_dropout, kernel=coarse_kernel
        )
        self.reduce = ConvNormAct(in_channels[-1], channels, 3)
        self.context = ObjectContext(channels, key_channels)
        self.fuse = ConvNormAct(2 * channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        self.coarse_loss_weight = coarse_loss_weight

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.predict(features, self.coarse(features))

    def predict(self, features: tuple[Tensor, ...], coarse_logits: Tensor) -> Tensor:
        pixels = self.reduce(features[-1])
        regions = describe_regions(pixels, self.resize(coarse_logits, pixels.shape[-2:]))
        x = self.fuse(torch.cat([self.context(pixels, regions), pixels], dim=1))
        return self.classify(self.dropout(x))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        coarse_logits = self.coarse(features)
        losses = criterion(self.predict(features, coarse_logits), labels)
        coarse = criterion(coarse_logits, labels)
        return losses | {f"coarse.{name}": self.coarse_loss_weight * value for name, value in coarse.items()}


class ObjectContext(nn.Module):
    """Scaled dot-product attention of pixels (B C H W) to regions (B C K 1)."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.query = project(channels, key_channels)
        self.key = project(channels, key_channels)
        self.value = ConvNormAct(channels, key_channels)
        self.expand = ConvNormAct(key_channels, channels)
        self.scale = key_channels**-0.5

    def forward(self, pixels: Tensor, regions: Tensor) -> Tensor:
        return self.expand(pixel_attention(self.query(pixels), self.key(regions), self.value(regions), self.scale))


def project(channels: int, key_channels: int) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(channels, key_channels), ConvNormAct(key_channels, key_channels))


def describe_regions(pixels: Tensor, logits: Tensor) -> Tensor:
    """B C H W, B K H W -> B C K 1: for each class, the mean of the pixels, weighted by a softmax over the pixels."""
    weights = torch.softmax(logits.float().flatten(2), dim=-1)  # B K N
    regions = weights.to(pixels.dtype) @ pixels.flatten(2).mT  # B K C
    return regions.mT[..., None]
