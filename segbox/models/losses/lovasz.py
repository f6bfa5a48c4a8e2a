"""Lovász-softmax (https://arxiv.org/abs/1705.08790) and Lovász hinge (https://arxiv.org/abs/1512.07797)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing, resize
from segbox.models.layers.full_precision import full_precision
from segbox.models.layers.points import sampled
from segbox.registry import LOSSES

from .banded import precision
from .pixels import ClassWeight, all_classes, log_odds, weights_of_classes
from .regions import checked_classes, chosen_classes, groups, mean_over_classes, present_classes


@LOSSES.register
class LovaszLoss(Resizing):
    """The convex surrogate of the Jaccard index over valid pixels, of the batch or per image; the mean over classes.

    `form="hinge"` is for two classes and uses log-odds instead of probabilities. `classes` are those that occur in the
    labels ("present"), "all", or a list of ids; with two classes, "present" and "all" mean the object (1) alone. All
    pixels are sorted by their error, so unlike other losses this one needs the logits of all classes at full size.
    `stride=4` uses every fourth row and column, for 1/16 of the memory and time (on CPUs the loss can take as long as
    the network). With "present" and more than two classes, a GPU is waited for: absent classes are not sorted.
    """

    name = "lovasz"

    def __init__(
        self,
        num_classes: int,
        form: str = "softmax",
        per_image: bool = False,
        classes: str | Sequence[int] = "present",
        class_weight: ClassWeight = None,
        stride: int = 1,
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if form not in ("softmax", "hinge"):
            raise ValueError(f'form={form!r}: expected "softmax" or "hinge"')
        if form == "hinge" and num_classes != 2:
            raise ValueError(f'form="hinge" is for 2 classes, and there are {num_classes}; use form="softmax"')
        if stride < 1:
            raise ValueError(f"stride={stride}: expected a number of pixels, 1 or more")
        self.register_buffer("class_weight", weights_of_classes(class_weight, num_classes), persistent=False)
        self.classes = checked_classes(classes, num_classes, class_weight)
        self.num_classes = num_classes
        self.form = form
        self.stride = stride
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        rows, choices = [], []
        with full_precision(logits):
            logits = at_pixels(logits.to(precision(logits)), labels.shape[-2:], self.stride, self.align_corners)
            start = self.stride // 2
            labels = labels[:, start :: self.stride, start :: self.stride]
            for own_logits, own_labels in groups(logits, labels, self.per_image):
                present = present_classes(own_labels, self.num_classes, self.ignore_index)
                chosen = chosen_classes(self.classes, present.any(dim=0, keepdim=True))[0]
                rows.append(self.losses(own_logits, own_labels, chosen))
                choices.append(chosen)
            return mean_over_classes(torch.stack(rows), torch.stack(choices), self.class_weight)

    def losses(self, logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
        """The loss of each class; zero, without sorting, for classes that are not chosen."""
        scores = self.scores(logits).unbind(dim=1)  # of the classes, each B H W
        losses = [scores[0][:0].sum()] * len(scores)  # zeros with a gradient
        counted = counted_pixels(labels.flatten(), self.ignore_index)
        for c in self.ids(chosen):
            losses[c] = self.loss_of_class(scores[c].flatten(), c, *counted)
        return torch.stack(losses)

    def ids(self, chosen: Tensor) -> Sequence[int]:
        """The classes to sort: those that are chosen, or more, where that is known without a look at the labels."""
        if not isinstance(self.classes, str):
            return self.classes
        if self.num_classes == 2:
            return [1]
        if self.classes == "all":
            return range(self.num_classes)
        return [c for c, is_chosen in enumerate(chosen.tolist()) if is_chosen]

    def scores(self, logits: Tensor) -> Tensor:
        """B K H W."""
        if self.form == "hinge":
            odds = log_odds(logits)
            return torch.cat([-odds, odds], dim=1)
        return all_classes(logits, self.num_classes).softmax(dim=1)

    def loss_of_class(self, scores: Tensor, c: int, labels: Tensor, places: Tensor | None) -> Tensor:
        scores = scores if places is None else scores.index_select(0, places)
        valid = labels != self.ignore_index
        target = (labels == c) & valid
        if self.form == "hinge":
            errors = torch.relu(1 - torch.where(target, scores, -scores))
        else:
            errors = torch.where(target, 1 - scores, scores)
        errors, order = errors.where(valid, -1).sort(descending=True)  # ignored pixels come last
        return errors @ jaccard_steps(target[order]).where(valid[order], 0).to(errors.dtype)


def counted_pixels(labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """The labels of the valid pixels, and their places; of all pixels (None) on a GPU, which would be waited for."""
    if labels.device.type != "cpu":
        return labels, None
    places = (labels != ignore_index).nonzero()[:, 0]
    return labels.index_select(0, places), places


def jaccard_steps(target: Tensor) -> Tensor:
    """The increase of the Jaccard loss with each further error, the largest first. In float64, which counts exactly."""
    total = target.sum()
    missed = target.cumsum(0)
    union = total + (~target).cumsum(0)
    jaccard = 1 - (total - missed).double() / union
    return torch.diff(jaccard, prepend=jaccard.new_zeros(1))


def at_pixels(logits: Tensor, size: tuple[int, int], stride: int, align_corners: bool) -> Tensor:
    """Every `stride`-th row and column of `resize(logits, size)`, beginning in the middle of a stride."""
    start = stride // 2
    if stride == 1 or logits.shape[-2:] == size:
        return resize(logits, size, align_corners)[..., start::stride, start::stride]
    places = (torch.arange(start, n, stride, device=logits.device, dtype=logits.dtype) for n in size)
    if align_corners:
        y, x = (own / max(1, n - 1) for own, n in zip(places, size, strict=True))
    else:  # no closer to the border than the centres of the first and the last logits
        y, x = (
            ((own + 0.5) / n).clamp(0.5 / h, 1 - 0.5 / h)
            for own, n, h in zip(places, size, logits.shape[-2:], strict=True)
        )
    points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    found = sampled(points.flatten(0, 1).expand(len(logits), -1, -1), logits, align_corners)
    return found.unflatten(2, points.shape[:2])
