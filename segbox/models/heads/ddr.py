"""The head of DDRNet (https://arxiv.org/abs/2101.06085)."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.norm_act_conv import NormActConv
from segbox.registry import HEADS

from .head import DecodeHead, checked_level


@HEADS.register
class DDRHead(DecodeHead):
    """A 3x3 with batch norm and ReLU before it and behind it, and a classifier, on one map.

    DDRNet has it twice, the auxiliary one on `level=0`; PIDNet has it as its auxiliary head.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        level: int = -1,
        channels: Count = 64,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        self.level = checked_level(level, in_channels)
        self.convolve = norm_convolve_norm(in_channels[level], channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convolve(features[self.level])))


def norm_convolve_norm(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(NormActConv(in_channels, channels, 3), nn.BatchNorm2d(channels), nn.ReLU())
