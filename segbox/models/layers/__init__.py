"""Layers that two or more parts share, one per file."""

from .conv import ConvNormAct, convolution
from .depthwise import DepthwiseConv2d
from .dilation import stage_ends, trade_strides
from .initialize import ResidualBlock, initialize
from .resize import resize
from .squeeze_excitation import SqueezeExcitation

__all__ = [
    "ConvNormAct",
    "DepthwiseConv2d",
    "ResidualBlock",
    "SqueezeExcitation",
    "convolution",
    "initialize",
    "resize",
    "stage_ends",
    "trade_strides",
]
