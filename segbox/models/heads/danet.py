"""DANet's dual attention (https://arxiv.org/abs/1809.02983)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import Criterion, DecodeHead


@HEADS.register
class DANetHead(DecodeHead):
    """The sum of two branches: attention between positions, and attention between channels.

    `supervise_branches` adds a classifier and a loss for each branch, as in the authors' code.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        supervise_branches: bool = True,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.position = branch(in_channels[-1], channels, PositionAttention(channels))
        self.channel = branch(in_channels[-1], channels, ChannelAttention())
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        supervised = ("position", "channel") if supervise_branches else ()
        self.classify_branch = nn.ModuleDict({name: nn.Conv2d(channels, num_classes, 1) for name in supervised})

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.position(features[-1]) + self.channel(features[-1])))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        maps = {"position": self.position(features[-1]), "channel": self.channel(features[-1])}
        losses = criterion(self.classify(self.dropout(maps["position"] + maps["channel"])), labels)
        for branch_name, classify in self.classify_branch.items():
            own = criterion(classify(self.dropout(maps[branch_name])), labels)
            losses |= {f"{branch_name}.{name}": value for name, value in own.items()}
        return losses


def branch(in_channels: int, channels: int, attention: nn.Module) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(in_channels, channels, 3), attention, ConvNormAct(channels, channels, 3))


class PositionAttention(nn.Module):
    """Attention between all positions, softmax(q·k) without scaling, added to the input (times 0 at first)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * pixel_attention(self.query(x), self.key(x), self.value(x), scale=1.0)


class ChannelAttention(nn.Module):
    """Attention between channels, strongest for the least similar ones, added to the input (times 0 at first)."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):
            rows = x.float().flatten(2)  # B C N
            likeness = rows @ rows.mT  # B C C
            # The paper's softmax(max - likeness): a softmax does not change when a constant is added.
            mixed = torch.softmax(-likeness, dim=-1) @ rows
        return x + self.gamma * mixed.to(x.dtype).view_as(x)
