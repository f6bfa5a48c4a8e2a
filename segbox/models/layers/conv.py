"""Convolution, batch norm and activation, in this order."""

from collections.abc import Sequence

from torch import Tensor, nn

from .conv_of_resized import conv_of_resized
from .depthwise import DepthwiseConv2d


class ConvNormAct(nn.Module):
    """A convolution that keeps the size (at stride 1), batch norm, ReLU. `act=None`: no activation.

    With `size`, its maps are first resized to it and concatenated, in a faster, equal way (conv_of_resized.py).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        act: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv = convolution(in_channels, out_channels, kernel, stride, dilation, groups)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.norm = nn.BatchNorm2d(out_channels)
        self.act = nn.Identity() if act is None else act()

    def forward(self, *maps: Tensor, size: Sequence[int] | None = None, align_corners: bool = False) -> Tensor:
        x = self.conv(*maps) if size is None else conv_of_resized(self.conv, maps, size, align_corners)
        return self.act(self.norm(x))


def convolution(
    in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Without bias, padded to keep the size at stride 1."""
    if groups == in_channels == out_channels > 1:
        return DepthwiseConv2d(in_channels, kernel, stride, dilation)
    padding = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation=dilation, groups=groups, bias=False)
