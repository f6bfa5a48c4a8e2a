"""LR-ASPP (https://arxiv.org/abs/1905.02244) with a decoder, as in mmsegmentation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.exporting import is_exporting
from segbox.models.layers.window_mean import mean_weights
from segbox.registry import HEADS

from .head import DecodeHead

WINDOW, STRIDE = 49, (16, 20)  # the paper's, for maps of Cityscapes' images
EPS = 1e-3  # of the norms, as in MobileNetV3


@HEADS.register
class LRASPPDecoderHead(DecodeHead):
    """The last map, gated by its averages over large windows, is upsampled to the finest maps one after the other.

    Each of them, narrowed to its number of `skip_channels` (finest first), is concatenated and mixed in by 1x1. A map
    smaller than the window is averaged over its whole height or width.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        skip_channels: tuple[Count, ...] = (32, 64),
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        skips = list(zip(in_channels[:-1], skip_channels))
        self.reduce = ConvNormAct(in_channels[-1], channels)
        self.gate = nn.Conv2d(in_channels[-1], channels, 1, bias=False)
        self.enter = nn.Conv2d(channels, channels, 1)
        self.skips = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in skips)
        self.mix = nn.ModuleList(ConvNormAct(channels + width, channels) for _, width in skips)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        for module in (self.reduce, *self.mix):
            module.norm.eps = EPS

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        last = features[-1]
        gate = torch.sigmoid(self.gate(averages(last)))
        x = self.enter(self.reduce(last) * self.resize(gate, last.shape[-2:]))
        for skip, mix, fine in reversed(list(zip(self.skips, self.mix, features))):
            x = mix(x, skip(fine), size=fine.shape[-2:], align_corners=self.align_corners)
        return self.classify(self.dropout(x))


def averages(x: Tensor) -> Tensor:
    if is_exporting():
        return averages_by_matrices(x)
    window = [min(WINDOW, size) for size in x.shape[-2:]]
    return F.avg_pool2d(x, window, STRIDE)


def averages_by_matrices(x: Tensor) -> Tensor:
    """The same for any size in one graph."""
    weights = []
    for length, stride in zip(x.shape[-2:], STRIDE):
        side = torch.sym_min(WINDOW, length)
        starts = stride * torch.arange((length - side) // stride + 1, device=x.device)
        weights.append(mean_weights(starts, side, length).to(x.dtype))
    return weights[0] @ (x @ weights[1].mT)
