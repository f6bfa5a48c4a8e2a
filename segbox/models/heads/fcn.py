"""The fully convolutional head that papers use as auxiliary head and as baseline."""

from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class FCNHead(DecodeHead):
    """3x3 convolutions and a classifier on one map. Default `channels`: a quarter of the map's, as in the papers."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        level: int = -1,
        channels: Count | None = None,
        num_convs: Depth = 1,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if not -len(in_channels) <= level < len(in_channels):
            raise ValueError(f"level={level}: there are {len(in_channels)} maps, the last is -1")
        self.level = level
        width = channels or in_channels[level] // 4
        widths = [in_channels[level], *[width] * num_convs]
        self.convs = nn.Sequential(*(ConvNormAct(a, b, 3) for a, b in zip(widths, widths[1:])))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(widths[-1], num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[self.level])))
