"""Learned upsampling with windows that do not overlap, as in U-Net."""

from torch import nn


def up_conv(in_channels: int, out_channels: int, factor: int) -> nn.ConvTranspose2d:
    """Transposed convolution of `factor` x `factor`; at 1 it is a 1x1 convolution."""
    up = nn.ConvTranspose2d(in_channels, out_channels, factor, factor)
    # Each pixel has one source pixel. PyTorch's initialization assumes factor² of them, and deep levels would fade out.
    nn.init.normal_(up.weight, std=in_channels**-0.5)
    nn.init.zeros_(up.bias)
    return up
