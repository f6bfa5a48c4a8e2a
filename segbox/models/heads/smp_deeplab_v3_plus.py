"""DeepLabV3+ as in segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.aspp import ASPP, atrous_rates
from segbox.models.layers.depthwise import DepthwiseConv2d
from segbox.registry import HEADS

from .deeplab_v3_plus import low_levels
from .head import DecodeHead


@HEADS.register
class SMPDeepLabV3PlusHead(DecodeHead):
    """DeepLabV3PlusHead with one of its two 3x3 convolutions before the upsampling, and without norms inside separable
    convolutions. `separable=False` makes those of the pyramid plain ones; the other two stay separable.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        low_channels: Count = 48,
        rates: tuple[Count, ...] | None = None,
        separable: bool = True,
        pyramid_dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.low_levels = low_levels(in_strides)  # one index, or none
        last, rates = in_channels[-1], atrous_rates(in_strides[-1]) if rates is None else rates
        self.pyramid = ASPP(last, channels, rates, pyramid_dropout)
        if separable:
            self.pyramid.atrous = nn.ModuleList(separable_conv3x3(last, channels, rate) for rate in rates)
        self.fuse = separable_conv3x3(channels, channels)
        self.reduce = nn.ModuleList(ConvNormAct(in_channels[i], low_channels) for i in self.low_levels)
        self.refine = separable_conv3x3(channels + low_channels * len(self.low_levels), channels)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = self.fuse(self.pyramid(features[-1]))
        for i, reduce in zip(self.low_levels, self.reduce):
            x = torch.cat([self.resize(x, features[i].shape[-2:]), reduce(features[i])], dim=1)
        return self.classify(self.refine(x))


def separable_conv3x3(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(DepthwiseConv2d(in_channels, dilation=dilation), ConvNormAct(in_channels, out_channels))
