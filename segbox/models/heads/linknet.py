"""LinkNet (https://arxiv.org/abs/1707.03718)."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import ConvNormAct
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class LinkNetHead(DecodeHead):
    """Narrow transposed convolutions from level to level; the input of each level of the encoder is added.

    The input of the first level is the stem's map, max-pooled to stride 4. Without such a map it has no decoder.
    """

    def __init__(
        self, in_channels: tuple[int, ...], in_strides: tuple[int, ...], num_classes: int, channels: Count = 32
    ) -> None:
        super().__init__()
        fine = [i for i, stride in enumerate(in_strides) if stride < 4][-1:]  # one index, or none
        self.levels = [*fine, *(i for i, stride in enumerate(in_strides) if stride >= 4)][::-1]  # coarse to fine
        self.pool = 4 // in_strides[fine[0]] if fine else 1
        strides = [max(4, in_strides[i]) for i in self.levels]
        widths = [in_channels[i] for i in self.levels]
        self.decoders = nn.ModuleList(
            DecoderBlock(a, b, stride // to) for a, b, stride, to in zip(widths, widths[1:], strides, strides[1:])
        )
        self.finish = nn.Sequential(
            nn.ConvTranspose2d(widths[-1], channels, 3, 2, 1, output_padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.classify = nn.ConvTranspose2d(channels, num_classes, 2, 2)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [features[i] for i in self.levels]
        if self.pool > 1:
            maps[-1] = F.max_pool2d(maps[-1], self.pool + 1, self.pool, self.pool // 2)
        x = maps[0]
        for decoder, skip in zip(self.decoders, maps[1:]):
            x = skip + self.resize(decoder(x), skip.shape[-2:])
        return self.classify(self.finish(x))


class DecoderBlock(nn.Module):
    """1x1 to a quarter of the channels, transposed 3x3, 1x1 to the next level's."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        width = max(1, in_channels // 4)
        self.narrow = ConvNormAct(in_channels, width)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(width, width, 3, stride, 1, output_padding=stride - 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.widen = ConvNormAct(width, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.widen(self.up(self.narrow(x)))
