"""The head of PIDNet (https://arxiv.org/abs/2206.02066)."""

from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.arguments import Count, Fraction
from segbox.models.losses.borders import border_loss, borders
from segbox.registry import HEADS

from .ddr import norm_convolve_norm
from .head import Criterion, DecodeHead, checked_level

SURE = 0.8  # the probability of a border from which a pixel counts as one


@HEADS.register
class PIDHead(DecodeHead):
    """Classes from the last map; in training, also borders from the one before it, and the losses on them alone.

    The head's loss is counted twice: over all pixels, and over those where a border is predicted. The loss of PIDNet's
    detail branch is that of an auxiliary DDRHead on `level=0`.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        border_level: int = -2,
        border_channels: Count | None = None,
        border_loss_weight: float = 20.0,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.border_level = checked_level(max(border_level, -len(in_channels)), in_channels)
        width = border_channels or max(1, in_channels[self.border_level] // 2)
        self.convolve = norm_convolve_norm(in_channels[-1], channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)
        self.find_borders = nn.Sequential(
            *norm_convolve_norm(in_channels[self.border_level], width), nn.Conv2d(width, 1, 1)
        )
        self.border_loss_weight = border_loss_weight

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convolve(features[-1])))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        logits = self(features)
        odds = self.resize(self.find_borders(features[self.border_level]), labels.shape[-2:])[:, 0]
        near = labels.where(odds.sigmoid() > SURE, IGNORE_INDEX)
        losses = criterion(logits, labels)
        losses |= {f"near_borders.{name}": value for name, value in criterion(logits, near).items()}
        return losses | {"borders": self.border_loss_weight * border_loss(odds, borders(labels))}
