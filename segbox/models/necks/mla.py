"""The multi-level aggregation of SETR-MLA (https://arxiv.org/abs/2012.15840)."""

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct, Resizing
from segbox.registry import NECKS


@NECKS.register
class MLANeck(Resizing):
    """From the last map to the first: a layer norm and a 1x1, the sum with the map behind it, then a 3x3.

    Strides are those of the maps that come in; a plain ViT has one.
    """

    def __init__(self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], channels: Count = 256) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(c, eps=1e-6) for c in in_channels)
        self.laterals = nn.ModuleList(ConvNormAct(c, channels) for c in in_channels)
        self.smooth = nn.ModuleList(ConvNormAct(channels, channels, 3) for _ in in_channels)
        self.channels = (channels,) * len(in_channels)
        self.strides = tuple(in_strides)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        normed = [norm(x.movedim(1, -1)).movedim(-1, 1) for norm, x in zip(self.norms, maps, strict=True)]
        sums = [lateral(x) for lateral, x in zip(self.laterals, normed)]
        for i in reversed(range(len(sums) - 1)):
            sums[i] = sums[i] + self.resize(sums[i + 1], sums[i].shape[-2:])
        return tuple(smooth(x) for smooth, x in zip(self.smooth, sums))
