"""STDC's head (https://arxiv.org/abs/2104.13188)."""

import torch
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct, SqueezeExcitation
from segbox.models.losses.detail import detail_losses
from segbox.registry import HEADS

from .bisenet import ContextPath
from .head import Criterion, DecodeHead


@HEADS.register
class STDCHead(DecodeHead):
    """BiSeNet's context path over the last two maps, fused with the map before them, which also learns detail.

    Each map of the context has its own loss, as in BiSeNet. `detail_loss_weight` is that of the borders between
    classes, predicted from the finest of the three maps (see losses/detail.py).
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        fused_channels: Count = 256,
        head_channels: Count = 256,
        context_head_channels: Count = 64,
        detail_channels: Count = 64,
        context_loss_weight: float = 1.0,
        detail_loss_weight: float = 1.0,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        width = context_head_channels
        fine, *coarse = in_channels[-3:] if len(in_channels) > 2 else (in_channels[0], *in_channels)
        self.context = ContextPath(coarse, channels, nearest=True)
        self.fuse = ConvNormAct(fine + channels, fused_channels)
        self.excite = SqueezeExcitation(fused_channels, fused_channels // 4, bias=False)
        self.convolve = ConvNormAct(fused_channels, head_channels, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(head_channels, num_classes, 1)
        self.classify_context = nn.ModuleList(
            nn.Sequential(ConvNormAct(channels, width, 3), nn.Conv2d(width, num_classes, 1)) for _ in coarse
        )
        self.find_detail = nn.Sequential(ConvNormAct(fine, detail_channels, 3), nn.Conv2d(detail_channels, 2, 1))
        self.context_loss_weight = context_loss_weight
        self.detail_loss_weight = detail_loss_weight

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.predict(*self.contexts(features))

    def contexts(self, features: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """The fine map, and the context after each coarser one, the last of them at its size."""
        fine = features[-3] if len(features) > 2 else features[0]
        return fine, self.context(features, fine.shape[-2:])

    def predict(self, fine: Tensor, contexts: list[Tensor]) -> Tensor:
        x = self.fuse(torch.cat([fine, contexts[-1]], dim=1))
        return self.classify(self.dropout(self.convolve(x + self.excite(x))))

    def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion: Criterion) -> dict[str, Tensor]:
        fine, contexts = self.contexts(features)
        losses = criterion(self.predict(fine, contexts), labels)
        for i, ((convolve, classify), context) in enumerate(zip(self.classify_context, contexts, strict=True)):
            own = criterion(classify(self.dropout(convolve(context))), labels)
            losses |= {f"context{i}.{name}": self.context_loss_weight * value for name, value in own.items()}
        convolve, classify = self.find_detail
        logits = self.resize(classify(self.dropout(convolve(fine))), labels.shape[-2:])
        own = detail_losses(logits, labels)
        return losses | {f"detail.{name}": self.detail_loss_weight * value for name, value in own.items()}
