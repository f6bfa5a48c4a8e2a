"""A sequence of 3x3 convolutions, as in networks before ResNet."""

from torch import nn


def conv_stack(*widths: int, norm: bool = True, bias: bool = False) -> nn.Sequential:
    """From `widths[0]` to `widths[-1]` channels: convolution, batch norm (if `norm`), ReLU for each step."""
    layers: list[nn.Module] = []
    for in_channels, out_channels in zip(widths, widths[1:]):
        convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        # By fan-in: without norms, the signal must keep its scale when channels are halved.
        nn.init.kaiming_normal_(convolution.weight, mode="fan_in", nonlinearity="relu")
        layers += [convolution, *([nn.BatchNorm2d(out_channels)] if norm else []), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
