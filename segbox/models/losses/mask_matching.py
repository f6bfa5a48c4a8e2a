"""Which query is for which class: the cheapest assignment of an image's classes to the queries of a layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbox.models.layers.masks import Masks

from .assignment import assignment
from .banded import floats_per_band

UNKNOWN = -100  # the class of the queries of an image without labels


@dataclass(frozen=True)
class MaskCosts:
    """How far queries are from masks. `form` is the loss of a point: "bce", or "focal" (alpha 0.25, gamma 2)."""

    class_loss_weight: float
    mask_loss_weight: float
    dice_loss_weight: float
    form: Literal["bce", "focal"]

    def of_points(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each point outside of the mask, and by how much it is greater inside."""
        outside = F.softplus(logits)
        if self.form == "bce":
            return outside, -logits
        p, inside = logits.sigmoid(), outside - logits
        outside = 0.75 * p.square() * outside
        return outside, 0.25 * (1 - p).square() * inside - outside

    def of_pairs(self, classes: Tensor, logits: Tensor, shares: Tensor, counts: Tensor) -> Tensor:
        """Of queries B Q K+1 with logits B Q P at points: B Q K, beside the masks B K P. `counts`, B P, is 0 for points
        that are left out."""
        counts = counts[:, None]
        shares = shares * counts
        outside, more = self.of_points(logits)
        points = (more @ shares.mT + outside @ counts.mT) / counts.sum(dim=2, keepdim=True).clamp(min=1)
        p = logits.sigmoid()
        dice = dice_losses(p @ shares.mT, p @ counts.mT, shares.sum(dim=2)[:, None])
        own = -classes.softmax(dim=2)[..., :-1]
        return self.class_loss_weight * own + self.mask_loss_weight * points + self.dice_loss_weight * dice


def dice_losses(both: Tensor, predicted: Tensor, target: Tensor) -> Tensor:
    """Of the sums over points of p t, p and t."""
    return 1 - (2 * both + 1) / (predicted + target + 1)


@torch.no_grad()
def match(
    costs: MaskCosts, layers: Sequence[Masks], logits: Sequence[Tensor], shares: Tensor, counts: Tensor, present: Tensor
) -> np.ndarray:
    """The class of each query, L B Q; K for no object.

    `logits` are those of the layers at points, B Q P, `shares` and `counts` as in MaskCosts. `present` B K says which
    classes an image has. All costs come to the host in one copy: the only time that it waits for the device.
    """
    every = torch.stack([of_layer(costs, *own, shares, counts) for own in zip(layers, logits, strict=True)])
    every = every.nan_to_num(nan=1e9, posinf=1e9, neginf=-1e9)  # of a model that has diverged: its loss says so
    return classes_of_queries(every.masked_fill(~present[:, None], torch.inf).cpu().numpy())


def of_layer(costs: MaskCosts, masks: Masks, logits: Tensor, shares: Tensor, counts: Tensor) -> Tensor:
    """B Q K, some images at a time."""
    images = max(1, floats_per_band(logits.device) // logits[0].numel())
    parts: Iterator[tuple[Tensor, ...]] = zip(*(x.split(images) for x in (masks.classes, logits, shares, counts)))
    return torch.cat([costs.of_pairs(*part) for part in parts])


def classes_of_queries(costs: np.ndarray) -> np.ndarray:
    """Costs L B Q K, infinite for classes that an image does not have -> L B Q."""
    result = np.full(costs.shape[:3], costs.shape[3])
    for place in np.ndindex(costs.shape[:2]):
        ids = np.flatnonzero(np.isfinite(costs[place][0]))
        queries = assignment(costs[place][:, ids].T)
        result[place][queries[queries >= 0]] = ids[queries >= 0]
    return result
