"""DMNet's dynamic filters
(https://openaccess.thecvf.com/content_ICCV_2019/html/He_Dynamic_Multi-Scale_Filters_for_Semantic_Segmentation_ICCV_2019_paper.html).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.grid_means import grid_means
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class DMHead(DecodeHead):
    """The last map, concatenated with its convolutions by filters that are made from it; then 3x3 and the classifier.

    A filter of 3x3 is made from the means over a grid of 3 x 3 cells.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        filter_sizes: tuple[Count, ...] = (1, 3, 5, 7),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.filter_sizes = filter_sizes
        self.branches = nn.ModuleList(DynamicConvolution(in_channels[-1], channels) for _ in filter_sizes)
        self.fuse = ConvNormAct(in_channels[-1] + len(filter_sizes) * channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[-1]
        means = grid_means(x, self.filter_sizes)
        branches = [branch(x, mean) for branch, mean in zip(self.branches, means, strict=True)]
        return self.classify(self.dropout(self.fuse(torch.cat([x, *branches], dim=1))))


class DynamicConvolution(nn.Module):
    """A depthwise convolution with one filter per image and channel; then norm and ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.make_filters = nn.Conv2d(in_channels, channels, 1)
        self.reduce = ConvNormAct(in_channels, channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, means: Tensor) -> Tensor:
        filters = self.make_filters(means)  # B C k k
        return torch.relu(self.norm(convolve_each(self.reduce(x), filters)))


def convolve_each(x: Tensor, filters: Tensor) -> Tensor:
    """B C H W, B C k k -> B C H W: each map with its own filter. Around the maps are zeros; a filter of even size has
    one more of its rows above a pixel than below."""
    height, width = filters.shape[-2:]
    padded = F.pad(x, (width // 2, (width - 1) // 2, height // 2, (height - 1) // 2))
    maps, weights = padded.flatten(0, 1)[None], filters.flatten(0, 1)[:, None]  # 1 BC H W, BC 1 k k
    return F.conv2d(maps, weights, groups=weights.shape[0])[0].unflatten(0, x.shape[:2])
