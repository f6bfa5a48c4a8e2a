"""PSPNet's pyramid pooling (https://arxiv.org/abs/1612.01105)."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.pyramid_pooling import PyramidPooling
from segbox.registry import HEADS

from .head import checked_level
from .pixel_head import PixelHead


@HEADS.register
class PSPHead(PixelHead):
    """A map (the last), concatenated with its averages over grids of 1, 2, 3 and 6 cells; then 3x3 and the classifier.

    Averages are projected to `pool_channels`, by default the map's channels divided by the number of grids.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        pool_scales: tuple[Count, ...] = (1, 2, 3, 6),
        dropout: Fraction = 0.1,
        pool_channels: Count | None = None,
        level: int = -1,
    ) -> None:
        super().__init__()
        self.level = checked_level(level, in_channels)
        pool_channels = pool_channels or in_channels[level] // len(pool_scales)
        self.pyramid = PyramidPooling(in_channels[level], pool_channels, pool_scales)
        self.fuse = ConvNormAct(self.pyramid.out_channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def pixels(self, features: tuple[Tensor, ...]) -> Tensor:
        x = features[self.level]
        return self.fuse(*self.pyramid(x), size=x.shape[-2:], align_corners=self.align_corners)
