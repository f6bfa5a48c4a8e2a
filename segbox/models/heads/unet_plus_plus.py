"""U-Net++ (https://arxiv.org/abs/1807.10165)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.models.layers import Resizing
from segbox.models.layers.conv_stack import conv_stack
from segbox.models.layers.up_conv import up_conv
from segbox.registry import HEADS

from .head import Criterion, DecodeHead


@HEADS.register
class UNetPlusPlusHead(DecodeHead):
    """Nested U-Nets of every depth: node (i, j) concatenates all earlier nodes of its level and the one below.

    With deep supervision each node of the finest level has a classifier: the loss is the mean of their losses, the
    prediction the mean of their logits. `channels` are per level, finest first; further levels have the last number.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: tuple[Count, ...] = (32, 64, 128, 256),
        deep_supervision: bool = True,
        norm: bool = True,
        bias: bool = False,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        depth = len(in_channels) - 1
        widths = [channels[min(i, len(channels) - 1)] for i in range(depth)]
        self.nodes = nn.ModuleList()  # in the order of forward: by j, then by i
        for j in range(1, depth + 1):
            for i in range(depth + 1 - j):
                below = in_channels[i + 1] if j == 1 else widths[i + 1]
                skips = in_channels[i] + (j - 1) * widths[i]
                factor = in_strides[i + 1] // in_strides[i] if transposed else 0
                self.nodes.append(Node(skips, below, widths[i], factor, norm, bias))
        self.depth = depth
        outputs = max(1, depth) if deep_supervision else 1  # a single map has no nodes and is classified itself
        width = widths[0] if depth else in_channels[0]
        self.classify = nn.ModuleList(nn.Conv2d(width, num_classes, 1) for _ in range(outputs))

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return torch.stack(self.outputs(features)).mean(0)

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        losses, outputs = {}, self.outputs(features)
        for i, logits in enumerate(outputs):
            losses |= {f"deep{i}.{name}": loss / len(outputs) for name, loss in criterion(logits, labels).items()}
        return losses

    def outputs(self, features: tuple[Tensor, ...]) -> list[Tensor]:
        levels = [[x] for x in features]  # levels[i][j] is node (i, j)
        nodes = iter(self.nodes)
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                levels[i].append(next(nodes)(levels[i], levels[i + 1][j - 1]))
        return [classify(x) for classify, x in zip(self.classify, levels[0][-len(self.classify) :])]


class Node(Resizing):
    """Two 3x3 convolutions of the earlier nodes of a level and the one below it, concatenated.

    `factor` of a learned upsampling; 0 means bilinear.
    """

    def __init__(self, skips: int, below: int, channels: int, factor: int, norm: bool, bias: bool) -> None:
        super().__init__()
        self.up = up_conv(below, channels, factor) if factor else nn.Identity()
        self.block = conv_stack(skips + (channels if factor else below), channels, channels, norm=norm, bias=bias)

    def forward(self, skips: list[Tensor], below: Tensor) -> Tensor:
        up = self.resize(self.up(below), skips[0].shape[-2:])
        return self.block(torch.cat([*skips, up], dim=1))
