"""UPerNet (https://arxiv.org/abs/1807.10221), the part that segments objects and stuff."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.pyramid_pooling import PyramidPooling
from segbox.registry import HEADS

from .head import coarse_levels
from .pixel_head import PixelHead


@HEADS.register
class UPerHead(PixelHead):
    """Pyramid pooling on the last map, a feature pyramid from it to finer maps, and all levels fused at the finest.

    The levels are the maps of stride 4 and coarser.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        pool_scales: tuple[Count, ...] = (1, 2, 3, 6),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        *finer, last = [in_channels[i] for i in coarse_levels(in_strides)]
        pyramid = PyramidPooling(last, channels, pool_scales)
        self.pool = nn.Sequential(pyramid, ConvNormAct(pyramid.out_channels, channels, 3))
        self.lateral = nn.ModuleList(ConvNormAct(c, channels) for c in finer)
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels, 3) for _ in finer)
        self.fuse = ConvNormAct((len(finer) + 1) * channels, channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def pixels(self, features: tuple[Tensor, ...]) -> Tensor:
        *finer, last = features[-len(self.lateral) - 1 :]
        pyramid, join = self.pool
        x = join(*pyramid(last), size=last.shape[-2:], align_corners=self.align_corners)
        levels = [x]
        for lateral, smooth, f in zip(*map(reversed, (self.lateral, self.smooth, finer)), strict=True):
            x = lateral(f) + self.resize(x, f.shape[-2:])
            levels.insert(0, smooth(x))
        size = levels[0].shape[-2:]
        return self.fuse(*levels, size=size, align_corners=self.align_corners)
