"""Layers that two or more parts share, one per file."""

from .conv import ConvNormAct, convolution
from .depthwise import DepthwiseConv2d
from .dilation import stage_ends, trade_strides
from .initialize import ResidualBlock, initialize
from .resize import Resizing, resize, set_align_corners
from .squeeze_excitation import SqueezeExcitation

__all__ = [
    "ConvNormAct",
    "DepthwiseConv2d",
    "ResidualBlock",
    "Resizing",
    "SqueezeExcitation",
    "convolution",
    "initialize",
    "resize",
    "set_align_corners",
    "stage_ends",
    "trade_strides",
]
