"""The head of Fast-SCNN (https://arxiv.org/abs/1902.04502)."""

from torch import Tensor, nn

from segbox.arguments import Count, Depth, Fraction
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead, checked_level


@HEADS.register
class SeparableFCNHead(DecodeHead):
    """FCNHead with depthwise separable 3x3 convolutions; there is no ReLU behind the depthwise ones.

    `level` is the map that is read.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        level: int = -1,
        channels: Count = 128,
        num_convs: Depth = 2,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.level = checked_level(level, in_channels)
        widths = [in_channels[level], *[channels] * num_convs]
        self.convs = nn.Sequential()
        for before, width in zip(widths, widths[1:]):
            depthwise = ConvNormAct(before, before, 3, groups=before, act=None)
            self.convs.append(nn.Sequential(depthwise, ConvNormAct(before, width)))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(widths[-1], num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[self.level])))
