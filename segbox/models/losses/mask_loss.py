"""The loss of heads that predict masks (Mask2Former, https://arxiv.org/abs/2112.01527)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbox import IGNORE_INDEX, distributed
from segbox.models.layers import Resizing
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.masks import Masks
from segbox.models.layers.points import all_values_at, class_at, classes_at, values_at
from segbox.registry import LOSSES

from .banded import precision
from .mask_matching import UNKNOWN, MaskCosts, dice_losses, match
from .pixels import ratio_or_zero
from .regions import present_classes


@LOSSES.register
class MaskLoss(Resizing):
    """Each class of an image is a mask, for which each layer uses the query that fits it best.

    The losses are cross entropy of the classes of all queries ("no object" for those without a mask), and of each mask
    the mean loss of its points ("bce" or "focal") and the dice loss. The points are `num_points`: `oversample` times as
    many are drawn, and of these the share `uncertain` are those of which the mask is least certain; the others are
    random. With None they are all pixels, as in MaskFormer. With `void="ignore"`, pixels without a label are left out,
    and images without any; with "background" they are outside of all masks, as in Mask2Former.
    """

    takes_masks = True

    def __init__(
        self,
        num_classes: int,
        class_loss_weight: float = 2.0,
        mask_loss_weight: float = 5.0,
        dice_loss_weight: float = 5.0,
        no_object_weight: float = 0.1,
        num_points: int | None = 12544,
        oversample: float = 3.0,
        uncertain: float = 0.75,
        form: Literal["bce", "focal"] = "bce",
        void: Literal["ignore", "background"] = "ignore",
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        check_points(num_points, oversample, uncertain)
        weights = dict(class_loss_weight=class_loss_weight, mask_loss_weight=mask_loss_weight)
        weights |= dict(dice_loss_weight=dice_loss_weight, no_object_weight=no_object_weight)
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"{name}={weight}: expected a number of 0 or more")
        self.costs = MaskCosts(class_loss_weight, mask_loss_weight, dice_loss_weight, form)
        self.num_classes = num_classes
        self.num_points = num_points
        self.oversample = oversample
        self.uncertain = uncertain
        self.void = void
        self.ignore_index = ignore_index
        self.no_object_weight = no_object_weight
        self.register_buffer("class_weight", torch.tensor([1.0] * num_classes + [no_object_weight]), persistent=False)

    def forward(self, layers: Sequence[Masks], labels: Tensor) -> dict[str, Tensor]:
        """The last layer's losses of classes, points and dice; "earlier" is the sum of those of all other layers."""
        with full_precision(labels):
            layers = [Masks(*(x.to(precision(x)) for x in own)) for own in layers]
            classes = self.classes_of_queries(layers, labels)
            masses = self.masses(classes[-1], labels.device)
            losses = [self.of_layer(*own, labels, masses) for own in zip(layers, classes, strict=True)]
        earlier = {"earlier": sum(sum(own.values()) for own in losses[:-1])} if len(losses) > 1 else {}
        return losses[-1] | earlier

    @torch.no_grad()
    def classes_of_queries(self, layers: Sequence[Masks], labels: Tensor) -> np.ndarray:
        """L B Q, as `match` gives them. All layers and masks of an image are compared at the same points."""
        if self.num_points is None:
            size = layers[-1].masks.shape[-2:]
            small = F.interpolate(labels[:, None].float(), size).long().flatten(1)
            shares = F.one_hot(self.columns(small), self.num_classes + 1).mT
            logits = [self.resize(own.masks, size).flatten(2) for own in layers]
        else:
            points = torch.rand(len(labels), self.num_points, 2, device=labels.device)
            shares = classes_at(points, self.columns(labels), self.num_classes + 1, self.align_corners)
            logits = [all_values_at(points, own.masks, self.align_corners) for own in layers]
        shares = shares.to(logits[0].dtype)
        present = present_classes(labels, self.num_classes, self.ignore_index)
        classes = match(self.costs, layers, logits, shares[:, :-1], self.counts(shares[:, -1]), present)
        if self.void == "ignore":
            classes[:, (classes == self.num_classes).all(axis=(0, 2))] = UNKNOWN
        return classes

    def columns(self, labels: Tensor) -> Tensor:
        """Class ids as columns of a table whose last one is for ignored pixels."""
        return labels.where(labels != self.ignore_index, self.num_classes)

    def counts(self, ignored: Tensor) -> Tensor:
        """1 for points that count, 0 for the others, by the share of ignored pixels."""
        return torch.ones_like(ignored) if self.void == "background" else (ignored == 0).to(ignored.dtype)

    def masses(self, classes: np.ndarray, device: torch.device) -> Tensor:
        """What the losses of classes (B Q) and those of masks are divided by: means over the processes."""
        masks = ((classes >= 0) & (classes < self.num_classes)).sum()
        others = (classes == self.num_classes).sum()
        own = [masks + self.no_object_weight * others, masks]
        return distributed.mean(torch.tensor(own, dtype=torch.float, device=device))

    def of_layer(self, masks: Masks, classes: np.ndarray, labels: Tensor, masses: Tensor) -> dict[str, Tensor]:
        ids = torch.from_numpy(classes).to(labels.device)
        weight = self.class_weight.to(masks.classes.dtype)
        total = F.cross_entropy(masks.classes.mT, ids, weight, ignore_index=UNKNOWN, reduction="sum")
        found = np.nonzero((classes >= 0) & (classes < self.num_classes))
        images, queries = (torch.from_numpy(place).to(labels.device) for place in found)
        points, dice = self.of_masks(masks.masks[images, queries], labels, images, ids[images, queries])
        count = masses[1].clamp(min=1)
        return {
            "class": self.costs.class_loss_weight * ratio_or_zero(total, masses[0]),
            "mask": self.costs.mask_loss_weight * points / count,
            "dice": self.costs.dice_loss_weight * dice / count,
        }

    def of_masks(self, masks: Tensor, labels: Tensor, images: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Of N masks (N h w), each of a class of an image, the sums of the mean losses of points and of dice losses."""
        logits, share, counts = self.at_points(masks, labels, images, classes)
        share = share * counts
        outside, more = self.costs.of_points(logits)
        points = (share * more + counts * outside).sum(dim=1) / counts.sum(dim=1).clamp(min=1)
        p = logits.sigmoid() * counts
        return points.sum(), dice_losses((p * share).sum(dim=1), p.sum(dim=1), share.sum(dim=1)).sum()

    def at_points(
        self, masks: Tensor, labels: Tensor, images: Tensor, classes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """N P each: logits, how much of each point is of the mask's class, and whether the point counts."""
        if self.num_points is None:
            logits = self.resize(masks[:, None], labels.shape[-2:]).flatten(1)
            own = labels[images].flatten(1)
            share, ignored = (own == classes[:, None]).to(logits.dtype), (own == self.ignore_index).to(logits.dtype)
            return logits, share, self.counts(ignored)
        given = dict(labels=labels, images=images, classes=classes, ignore_index=self.ignore_index)
        read = partial(class_at, **given, align_corners=self.align_corners)
        with torch.no_grad():
            points = self.uncertain_points(masks, lambda points: self.counts(read(points)[1]))
            share, ignored = read(points)
        return values_at(points, masks, self.align_corners), share, self.counts(ignored)

    def uncertain_points(self, masks: Tensor, counts: Callable[[Tensor], Tensor]) -> Tensor:
        """N P 2; points that do not count come last."""
        many, few = int(self.oversample * self.num_points), int(self.uncertain * self.num_points)
        drawn = torch.rand(len(masks), many, 2, device=masks.device)
        doubt = (-values_at(drawn, masks, self.align_corners).abs()).where(counts(drawn) > 0, -torch.inf)
        chosen = doubt.topk(few, dim=1).indices
        others = torch.rand(len(masks), self.num_points - few, 2, device=masks.device)
        return torch.cat([drawn.gather(1, chosen[..., None].expand(-1, -1, 2)), others], dim=1)


def check_points(num_points: int | None, oversample: float, uncertain: float) -> None:
    if num_points is not None and num_points < 1:
        raise ValueError(f"num_points={num_points}: expected 1 or more, or None for all pixels")
    if not oversample >= 1:
        raise ValueError(f"oversample={oversample}: expected a number of 1 or more")
    if not 0 <= uncertain <= 1:
        raise ValueError(f"uncertain={uncertain}: expected a share from 0 to 1")
