"""U-Net's decoder as in segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import Resizing
from segbox.models.layers.conv_stack import conv_stack
from segbox.models.layers.scse import SCSE
from segbox.registry import HEADS

from .head import DecodeHead

UPSAMPLINGS = ("nearest", "bilinear")


@HEADS.register
class SMPUNetHead(DecodeHead):
    """Upsample, concatenate the next finer map, two 3x3 convolutions; then on without maps to the images' size.

    `channels` are those of the blocks, coarsest first; further blocks have the last number. `scse` gates what goes
    into a block and what comes out of it; `center` adds two convolutions on the last map, as smp does for VGG.
    """

    sees_images = True  # only their size

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: tuple[Count, ...] = (256, 128, 64, 32, 16),
        norm: bool = True,
        scse: bool = False,
        center: bool = False,
        upsampling: str = "nearest",
    ) -> None:
        super().__init__()
        if upsampling not in UPSAMPLINGS:
            raise ValueError(f"there is no upsampling {upsampling!r}; there are {', '.join(UPSAMPLINGS)}")
        last, *skips = in_channels[:0:-1]  # coarse to fine
        self.num_doublings = (in_strides[1] - 1).bit_length()  # from the finest map to the images' size
        skips += [0] * self.num_doublings
        widths = [channels[min(i, len(channels) - 1)] for i in range(len(skips))]
        self.center = conv_stack(last, last, last, norm=norm, bias=not norm) if center else nn.Identity()
        gated = [scse] * (len(skips) - 1) + [scse and self.num_doublings == 0]  # smp does not gate the very last input
        self.blocks = nn.ModuleList(
            UpBlock(below + skip, width, norm, gate, scse, upsampling)
            for below, skip, width, gate in zip([last, *widths], skips, widths, gated)
        )
        self.classify = nn.Conv2d(widths[-1] if widths else last, num_classes, 3, padding=1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        images, *maps = features
        height, width = images.shape[-2:]
        sizes = [(max(1, height >> i), max(1, width >> i)) for i in reversed(range(self.num_doublings))]
        x = self.center(maps[-1])
        steps = [(skip.shape[-2:], [skip]) for skip in maps[-2::-1]] + [(size, []) for size in sizes]
        for block, (size, skips) in zip(self.blocks, steps, strict=True):
            x = block(x, size, skips)
        return self.classify(x)


class UpBlock(Resizing):
    """Upsample to a size, concatenate the maps of this size, and two 3x3 convolutions.

    `in_channels` are those of all that is concatenated, which SCSE gates with `gates_input`.
    """

    def __init__(
        self, in_channels: int, channels: int, norm: bool, gates_input: bool, gates_output: bool, upsampling: str
    ) -> None:
        super().__init__()
        self.is_nearest = upsampling == "nearest"
        self.attend = SCSE(in_channels) if gates_input else nn.Identity()
        self.convs = conv_stack(in_channels, channels, channels, norm=norm, bias=not norm)
        self.finish = SCSE(channels) if gates_output else nn.Identity()

    def forward(self, x: Tensor, size: tuple[int, int], skips: Sequence[Tensor]) -> Tensor:
        x = F.interpolate(x, tuple(size), mode="nearest") if self.is_nearest else self.resize(x, size)
        return self.finish(self.convs(self.attend(torch.cat([x, *skips], dim=1))))
