"""PSPNet's decoder as in segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.grid_means import grid_means
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class SMPPSPHead(DecodeHead):
    """PSPHead with a 1x1 in place of the 3x3 behind the pyramid, and a 3x3 classifier.

    The average over the whole map has no norm, so a batch may be one image.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        pool_scales: tuple[Count, ...] = (1, 2, 3, 6),
        norm: bool = True,
        dropout: Fraction = 0.2,
    ) -> None:
        super().__init__()
        last = in_channels[-1]
        width = max(1, last // len(pool_scales))
        self.pool_scales = pool_scales
        # In weight files the convolution of a level is number 1, after its pooling.
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Identity(), *convolution(last, width, norm and scale > 1)) for scale in pool_scales
        )
        self.fuse = nn.Sequential(*convolution(last + width * len(pool_scales), channels, norm))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 3, padding=1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        means = grid_means(x, self.pool_scales)
        levels = [self.resize(level(mean), x.shape[-2:]) for level, mean in zip(self.levels, means)]
        return self.classify(self.dropout(self.fuse(torch.cat([*levels, x], dim=1))))


def convolution(in_channels: int, out_channels: int, norm: bool) -> list[nn.Module]:
    norms = [nn.BatchNorm2d(out_channels)] if norm else []
    return [nn.Conv2d(in_channels, out_channels, 1, bias=not norm), *norms, nn.ReLU(inplace=True)]
