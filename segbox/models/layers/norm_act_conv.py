"""Batch norm, ReLU and convolution, in this order."""

from torch import Tensor, nn

from .conv import convolution


class NormActConv(nn.Module):
    """The convolution keeps the size and has no bias."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = convolution(in_channels, out_channels, kernel, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x).relu())
