"""Convolution, batch norm and activation, in this order."""

from torch import Tensor, nn

from .depthwise import DepthwiseConv2d


class ConvNormAct(nn.Module):
    """A convolution that keeps the size (at stride 1), batch norm, ReLU. `act=None`: no activation."""

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

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


def convolution(
    in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Without bias, padded to keep the size at stride 1."""
    if groups == in_channels == out_channels > 1:
        return DepthwiseConv2d(in_channels, kernel, stride, dilation)
    padding = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation=dilation, groups=groups, bias=False)
