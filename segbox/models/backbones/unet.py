"""U-Net (https://arxiv.org/abs/1505.04597): its encoder, and the whole of it as a backbone."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct
from segbox.models.layers.conv_stack import conv_stack
from segbox.registry import BACKBONES

# variant: width of the first level; each level doubles it
VARIANTS = {"64": 64, "32": 32, "test": 4}


@BACKBONES.register
class UNetEncoder(nn.Module):
    """Two 3x3 convolutions per level, max pooling between: five maps of strides 1, 2, 4, 8, 16.

    "64" is U-Net's, "32" that of the U-Net++ paper. Padded convolutions keep the size, instead of the
    paper's 572 -> 388 pixels. Norms are the default, as deep networks without them learn slowly; the paper's is
    `norm=False, bias=True`.
    """

    def __init__(self, variant: str = "64", in_channels: Count = 3, norm: bool = True, bias: bool = False) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"there is no UNetEncoder {variant!r}; variants: {', '.join(VARIANTS)}")
        self.channels = tuple(VARIANTS[variant] * 2**i for i in range(5))
        self.strides = (1, 2, 4, 8, 16)
        self.levels = nn.ModuleList(
            conv_stack(a, b, b, norm=norm, bias=bias) for a, b in zip((in_channels, *self.channels), self.channels)
        )
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = [self.levels[0](images)]
        for level in self.levels[1:]:
            maps.append(level(self.pool(maps[-1])))
        return tuple(maps)


@BACKBONES.register
class UNet(nn.Module):
    """Encoder and decoder, for heads on the decoder's maps, as mmsegmentation has it.

    Upsampling is bilinear, with 1x1, batch norm and ReLU behind it. `maps` is how many maps come out: the finest (of
    stride 1), and those before it in the decoder, the coarsest of five being the encoder's last. An auxiliary head on
    the second needs `maps=2`, with `level=0` for the other head.
    """

    def __init__(self, variant: str = "64", in_channels: Count = 3, maps: Count = 1) -> None:
        super().__init__()
        self.encoder = UNetEncoder(variant, in_channels)
        widths = self.encoder.channels
        if maps > len(widths):
            raise ValueError(f"maps={maps}: U-Net has {len(widths)}")
        self.ups = nn.ModuleList(ConvNormAct(2 * width, width) for width in widths[:-1])
        self.blocks = nn.ModuleList(conv_stack(2 * width, width, width) for width in widths[:-1])
        self.channels = widths[:maps]
        self.strides = self.encoder.strides[:maps]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        skips = self.encoder(images)
        maps = [skips[-1]]
        for up, block, skip in reversed(list(zip(self.ups, self.blocks, skips))):
            x = up(maps[0], size=skip.shape[-2:])
            maps.insert(0, block(torch.cat([skip, x], dim=1)))
        return tuple(maps[: len(self.channels)])
