"""APCNet's adaptive pyramid context
(https://openaccess.thecvf.com/content_CVPR_2019/html/He_Adaptive_Pyramid_Context_Network_for_Semantic_Segmentation_CVPR_2019_paper.html).
"""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.grid_means import grid_means
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class APCHead(DecodeHead):
    """The last map, concatenated with contexts over grids of 1, 2, 3 and 6 cells; then 3x3 and the classifier."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        pool_scales: tuple[Count, ...] = (1, 2, 3, 6),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.pool_scales = pool_scales
        self.contexts = nn.ModuleList(AdaptiveContext(in_channels[-1], channels, scale**2) for scale in pool_scales)
        self.fuse = ConvNormAct(in_channels[-1] + len(pool_scales) * channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        means = grid_means(x, self.pool_scales)
        contexts = [context(x, mean) for context, mean in zip(self.contexts, means, strict=True)]
        return self.classify(self.dropout(self.fuse(torch.cat([x, *contexts], dim=1))))


class AdaptiveContext(nn.Module):
    """To each pixel, the sum of the cells' means, weighted by the pixel itself and the mean of the image."""

    def __init__(self, in_channels: int, channels: int, num_cells: int) -> None:
        super().__init__()
        self.describe = ConvNormAct(in_channels, channels)
        self.reduce = ConvNormAct(in_channels, channels)
        self.whole = ConvNormAct(channels, channels)
        self.weigh = nn.Conv2d(channels, num_cells, 1)
        self.residual = ConvNormAct(channels, channels)
        self.fuse = ConvNormAct(channels, channels)

    def forward(self, x: Tensor, means: Tensor) -> Tensor:
        cells = self.describe(means).flatten(2)  # B C N
        x = self.reduce(x)
        weights = torch.sigmoid(self.weigh(x + self.whole(x.mean((2, 3), keepdim=True))))  # B N H W
        context = (cells @ weights.flatten(2)).unflatten(2, x.shape[-2:])
        return self.fuse(torch.relu(x + self.residual(context)))
