"""ERFNet (https://ieeexplore.ieee.org/document/8063438): encoder and decoder, as a backbone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import initialize, resize
from segbox.registry import BACKBONES

# variant: channels at strides 2, 4, 8; blocks at stride 4; dilations of the blocks at stride 8; blocks in the decoder
VARIANTS = {
    "1.0": ((16, 64, 128), 5, (2, 4, 8, 16) * 2, 2),
    "test": ((8, 12, 16), 1, (2, 4), 1),
}
EPS = 1e-3  # of the norms


@BACKBONES.register
class ERFNet(nn.Module):
    """Residual blocks of 3x1 and 1x3 convolutions, down to stride 8 and up again: one map of stride 2.

    `dropout` is that of the encoder's blocks.
    """

    def __init__(self, variant: str = "1.0", in_channels: Count = 3, dropout: Fraction = 0.1) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no ERFNet {variant!r}; variants: {', '.join(VARIANTS)}")
        (first, second, third), depth, rates, depth_up = VARIANTS[variant]
        self.encoder = nn.ModuleList(
            [
                Down(in_channels, first),
                Down(first, second),
                *(Factorized(second, 1, dropout) for _ in range(depth)),
                Down(second, third),
                *(Factorized(third, rate, dropout) for rate in rates),
            ]
        )
        self.decoder = nn.ModuleList()
        for a, b in ((third, second), (second, first)):
            self.decoder.extend([Up(a, b), *(Factorized(b, 1, 0.0) for _ in range(depth_up))])
        self.channels, self.strides = (first,), (2,)
        initialize(self)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = EPS

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x, sizes = images, []
        for layer in self.encoder:
            x = layer(x)
            if isinstance(layer, Down):
                sizes.append(x.shape[-2:])
        finer = reversed(sizes[:-1])
        for layer in self.decoder:
            x = layer(x)
            if isinstance(layer, Up):  # an odd size has been rounded up on the way down
                height, width = next(finer)
                x = x[..., :height, :width]
        return (x,)


class Down(nn.Module):
    """A strided 3x3 and max pooling, concatenated."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels - in_channels, 3, 2, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        strided = self.conv(x)
        pooled = resize(F.max_pool2d(x, 2), strided.shape[-2:])
        return torch.relu(self.norm(torch.cat([strided, pooled], dim=1)))


class Up(nn.Module):
    """A deconvolution that doubles the size."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, channels, 3, 2, 1, output_padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Factorized(nn.Module):
    """3x1, 1x3, and both again with a dilation; a shortcut around all."""

    def __init__(self, channels: int, rate: int, dropout: float) -> None:
        super().__init__()
        self.convs_layers = nn.Sequential(
            *(column(channels, 1), nn.ReLU(), row(channels, 1), nn.BatchNorm2d(channels), nn.ReLU()),
            *(column(channels, rate), nn.ReLU(), row(channels, rate), nn.BatchNorm2d(channels), nn.Dropout(dropout)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.convs_layers(x) + x)


def column(channels: int, rate: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, (3, 1), padding=(rate, 0), dilation=(rate, 1))


def row(channels: int, rate: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, (1, 3), padding=(0, rate), dilation=(1, rate))
