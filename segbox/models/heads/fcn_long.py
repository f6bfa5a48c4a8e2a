"""The original FCN-32s, FCN-16s and FCN-8s (https://arxiv.org/abs/1411.4038)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import Resizing
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class FCN32sHead(DecodeHead):
    """VGG's fully connected layers as convolutions, a classifier, and one learned upsampling to the image."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 4096,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.decoder = SkipDecoder(in_channels, in_strides, num_classes, (), channels, dropout)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(features)


@HEADS.register
class FCN16sHead(DecodeHead):
    """FCN-32s, with the scores of the map of stride 16 added on the way up."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 4096,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.decoder = SkipDecoder(in_channels, in_strides, num_classes, (16,), channels, dropout)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(features)


@HEADS.register
class FCN8sHead(DecodeHead):
    """FCN-32s, with the scores of the maps of stride 16 and 8 added on the way up."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 4096,
        dropout: Fraction = 0.5,
    ) -> None:
        super().__init__()
        self.decoder = SkipDecoder(in_channels, in_strides, num_classes, (16, 8), channels, dropout)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(features)


class SkipDecoder(Resizing):
    """Scores of the last map, upsampled step by step. Skips of strides that the backbone does not have are left out.

    The paper pads the image by 100 so that the 7x7 of fc6 fits, and crops the offsets away at each sum. Padding fc6
    itself by 3 keeps the maps where they are, for any backbone and any image size, with the same parameters.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        skip_strides: tuple[int, ...],
        channels: int,
        dropout: float,
    ) -> None:
        super().__init__()
        last = len(in_strides) - 1
        self.skips = [in_strides.index(stride) for stride in skip_strides if stride in in_strides[:last]]
        self.fc6 = nn.Conv2d(in_channels[-1], channels, 7)
        self.fc7 = nn.Conv2d(channels, channels, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        self.classify_skips = nn.ModuleList(nn.Conv2d(in_channels[i], num_classes, 1) for i in self.skips)
        strides = [in_strides[last], *(in_strides[i] for i in self.skips), 1]
        self.ups = nn.ModuleList(bilinear_deconvolution(num_classes, a // b) for a, b in zip(strides, strides[1:]))

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        # Padded here: on CPUs, PyTorch's bfloat16 gradient is wrong for a kernel that is larger than its map.
        x = self.dropout(torch.relu(self.fc6(F.pad(features[-1], (3, 3, 3, 3)))))
        x = self.dropout(torch.relu(self.fc7(x)))
        x = self.classify(x)
        for i, classify, up in zip(self.skips, self.classify_skips, self.ups):
            skip = classify(features[i])
            x = self.resize(up(x), skip.shape[-2:]) + skip
        return self.ups[-1](x)


def bilinear_deconvolution(channels: int, factor: int) -> nn.Module:
    """Transposed convolution, initialized as bilinear interpolation of each class; it can learn to mix classes."""
    if factor == 1:
        return nn.Identity()
    kernel = 2 * factor - factor % 2
    up = nn.ConvTranspose2d(channels, channels, kernel, factor, factor // 2, bias=False)
    line = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor
    with torch.no_grad():
        up.weight.zero_()
        up.weight[range(channels), range(channels)] = line[:, None] * line
    return up
