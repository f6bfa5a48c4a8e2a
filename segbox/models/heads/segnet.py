"""SegNet (https://arxiv.org/abs/1511.00561)."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers.conv_stack import conv_stack
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class SegNetHead(DecodeHead):
    """Unpools with the indices of the encoder's maxima, and mirrors its convolutions.

    It needs the maps before pooling: `VGG` "16-bn" with `taps="before_pool"` is the published network. Of the finer
    maps it uses only the indices of the maxima. On another backbone it pools the maps itself to find them.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        depths: tuple[Count, ...] = (2, 2, 3, 3, 3),
    ) -> None:
        """`depths` are convolutions per level, finest first."""
        super().__init__()
        levels = len(in_channels)
        # the last map is pooled by 2 too, and unpooled first
        self.factors = [b // a for a, b in zip(in_strides, in_strides[1:])] + [2]
        depths = (*depths, *depths[-1:] * levels)[:levels]
        self.blocks = nn.ModuleList(
            conv_stack(*[in_channels[i]] * depths[i], in_channels[i - 1], bias=True) for i in range(levels - 1, 0, -1)
        )
        self.finish = conv_stack(*[in_channels[0]] * depths[0], bias=True)
        self.classify = nn.Conv2d(in_channels[0], num_classes, 3, padding=1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        pooled, places = zip(
            *(F.max_pool2d(x, f, ceil_mode=True, return_indices=True) for x, f in zip(features, self.factors))
        )
        x = pooled[-1]
        for i, block in zip(range(len(features) - 1, -1, -1), [*self.blocks, self.finish]):
            x = block(unpool(x, places[i], features[i].shape[-2:]))
        return self.classify(x)


def unpool(x: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    """Max unpooling by scatter, as max_unpool2d is not deterministic on GPUs."""
    height, width = size
    flat = x.new_zeros(*x.shape[:2], height * width).scatter(2, places.flatten(2), x.flatten(2))
    return flat.unflatten(2, (height, width))
