"""DeepLabV3 (https://arxiv.org/abs/1706.05587)."""

from typing import Literal

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.aspp import ASPP, atrous_rates, cells
from segbox.registry import HEADS

from .head import checked_level
from .pixel_head import PixelHead


@HEADS.register
class DeepLabV3Head(PixelHead):
    """Atrous spatial pyramid pooling on a map (the last). Default `rates`: 6, 12, 18 at stride 16, twice that at 8.

    The pyramid's branches are mixed by a 1x1 convolution, and a 3x3 refines the result. mmsegmentation has one 3x3 for
    both: `mix_kernel=3, refine=False`, and 512 channels. With `image_window` (height, width in
    pixels: the size of the crops), larger images have means of windows in place of the image's mean.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        rates: tuple[Count, ...] | None = None,
        dropout: Fraction = 0.1,
        pyramid_dropout: Fraction = 0.5,
        mix_kernel: Literal[1, 3] = 1,
        refine: bool = True,
        level: int = -1,
        image_window: tuple[Count, Count] | None = None,
    ) -> None:
        super().__init__()
        self.level = checked_level(level, in_channels)
        rates = atrous_rates(in_strides[level]) if rates is None else rates
        window = cells(image_window, in_strides[level])
        self.pyramid = ASPP(
            in_channels[level], channels, rates, pyramid_dropout, mix_kernel=mix_kernel, image_window=window
        )
        self.fuse = ConvNormAct(channels, channels, 3) if refine else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def pixels(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.fuse(self.pyramid(features[self.level]))
