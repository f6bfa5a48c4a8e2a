"""Maps of several strides from a plain ViT, by resizing: mmsegmentation's neck of its UPerNets on ViT and DeiT."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import Resizing
from segbox.registry import NECKS


@NECKS.register
class MultiLevelNeck(Resizing):
    """A 1x1 convolution, a bilinear change of size, and a 3x3 convolution, for each of the `strides`.

    All are computed from the last map, or, if the backbone has as many maps as there are `strides`, each from its own.
    Finer maps cover whole cells of their source, coarser ones leave out what is no whole cell of theirs. `channels`
    defaults to those of the last map.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        channels: Count | None = None,
        strides: Sequence[Count] = (4, 8, 16, 32),
    ) -> None:
        super().__init__()
        width = channels or in_channels[-1]
        self.has_own = len(in_strides) == len(strides)
        sources = range(len(strides)) if self.has_own else [len(in_strides) - 1]
        self.factors = tuple(in_strides[i if self.has_own else -1] / stride for i, stride in enumerate(strides))
        self.laterals = nn.ModuleList(nn.Conv2d(in_channels[i], width, 1) for i in sources)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in strides)
        for conv in (*self.laterals, *self.smooth):
            nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)
        self.channels = (width,) * len(strides)
        self.strides = tuple(strides)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        sources = [lateral(x) for lateral, x in zip(self.laterals, maps if self.has_own else maps[-1:])]
        sources = sources if self.has_own else sources * len(self.strides)
        resized = [self.scaled(x, factor) for x, factor in zip(sources, self.factors)]
        return tuple(smooth(x) for smooth, x in zip(self.smooth, resized))

    def scaled(self, x: Tensor, factor: float) -> Tensor:
        if factor == 1:
            return x
        least = round(1 / factor)  # cells that become one; a map that has fewer is padded with zeros
        missing = (torch.sym_max(0, least - x.shape[-1]), torch.sym_max(0, least - x.shape[-2]))
        x = F.pad(x, (0, missing[0], 0, missing[1])) if factor < 1 else x
        return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=self.align_corners)
