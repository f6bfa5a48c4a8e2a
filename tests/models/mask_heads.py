"""Heads that predict masks, tried like the others: by logits of pixels in the place of classes and masks."""

from functools import cache

import torch
from torch import Tensor

from segbox.models.heads.mask_head import MaskHead, Masks


def of_pixels(classes: Tensor, masks: Tensor) -> Tensor:
    """B Q K+1, B Q h w -> B K+1 h w: for each class, the sum over the queries of the products of both logits."""
    return torch.einsum("bqk,bqhw->bkhw", classes, masks)


@cache
def with_logits_of_pixels(kind: type[MaskHead]) -> type[MaskHead]:
    """The class of a head whose `forward` gives them, and whose criterion gets those of the last layer first."""

    class OfPixels(kind):
        def forward(self, features: tuple[Tensor, ...]) -> Tensor:
            return of_pixels(*super().forward(features))

        def loss(self, features: tuple[Tensor, ...], labels: Tensor, criterion) -> dict[str, Tensor]:
            *earlier, last = (of_pixels(*layer) for layer in self.layers(features))
            losses = dict(criterion(last, labels))
            for i, logits in enumerate(earlier):
                losses |= {f"layer{i}.{name}": value for name, value in criterion(logits, labels).items()}
            return losses

    return OfPixels


def with_names(layers: list[Masks]) -> dict[str, Tensor]:
    """The logits of pixels of naive layers, as `OfPixels` gives them."""
    *earlier, last = (of_pixels(*layer) for layer in layers)
    return {"": last} | {f"layer{i}": logits for i, logits in enumerate(earlier)}
