"""U-Net's encoder (https://arxiv.org/abs/1505.04597): two 3x3 convolutions per level, max pooling between."""

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers.conv_stack import conv_stack
from segbox.registry import BACKBONES

# variant: width of the first level; each level doubles it
VARIANTS = {"64": 64, "32": 32, "test": 4}


@BACKBONES.register
class UNetEncoder(nn.Module):
    """Five maps of strides 1, 2, 4, 8, 16. "64" is U-Net's, "32" that of the U-Net++ paper.

    Padded convolutions keep the size, instead of the paper's 572 -> 388 pixels. Norms are the default, as deep networks
    without them learn slowly; the paper's is `norm=False, bias=True`.
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
