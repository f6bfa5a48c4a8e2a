"""What region losses (Dice, Tversky ...) share: which classes they use, and sums over pixels."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from segbox import distributed

from .banded import banded_sums
from .pixels import ClassWeight, mean_over_pixels, one_hot, ratio_or_zero

Classes = str | Sequence[int]  # "present", "all", or class ids


def checked_classes(classes: Classes, num_classes: int, class_weight: ClassWeight = None) -> Classes:
    """The classes, checked. Class weights for a single class would change nothing, so they are an error."""
    is_word = classes in ("present", "all")
    if not is_word and (isinstance(classes, str) or not classes or not all(0 <= c < num_classes for c in classes)):
        raise ValueError(f'classes={classes!r}: expected "present", "all", or ids from 0 to {num_classes - 1}')
    if class_weight is not None and (num_classes == 2 if is_word else len(set(classes)) == 1):
        raise ValueError(
            f"class_weight={list(class_weight)} would change nothing, as classes={classes!r} is one class here (of"
            " two, the object): remove class_weight, or give several classes"
        )
    return classes if is_word else tuple(classes)


def present_classes(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """B K: whether an image has pixels of a class."""
    columns = labels.where(labels != ignore_index, num_classes).flatten(1).long()
    found = torch.zeros(len(labels), num_classes + 1, dtype=torch.bool, device=labels.device)
    return found.scatter_(1, columns, True)[:, :-1]


def chosen_classes(classes: Classes, present: Tensor) -> Tensor:
    """Groups x classes: whether a loss uses the class; `present` is whether it has labelled pixels."""
    names = torch.zeros_like(present[0])
    if isinstance(classes, str):
        names[1 if len(names) == 2 else 0 :] = True
    else:
        for c in classes:  # a list as an index would be copied to the device, and waited for
            names[c] = True
    return names & (present if classes == "present" else present.any(dim=1, keepdim=True))


def groups(logits: Tensor, labels: Tensor, per_image: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """The whole batch as one group, or each image as a group."""
    size = 1 if per_image else len(labels)
    return zip(logits.split(size), labels.split(size), strict=True)


def region_sums(
    logits: Tensor,
    labels: Tensor,
    num_classes: int,
    ignore_index: int,
    per_image: bool,
    square: bool = False,
    align_corners: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Groups x classes, over valid pixels: Σ p t, Σ p (or Σ p²) and Σ t, of probabilities p and targets t.

    Sums of a whole batch are over all processes.
    """

    def terms(logits: Tensor, labels: Tensor) -> Tensor:
        valid = (labels != ignore_index)[:, None]
        target = one_hot(labels, num_classes, ignore_index)
        p = logits.softmax(dim=1).where(valid, 0)
        sums = p.where(target, 0), p.square() if square else p, target.to(p.dtype)
        return torch.stack([each.sum(dim=(0, 2, 3)) for each in sums])

    sums = [banded_sums(terms, *group, align_corners=align_corners) for group in groups(logits, labels, per_image)]
    stacked = torch.stack(sums, dim=1)
    return (stacked if per_image else distributed.sum_for_mean(stacked)).unbind()


def mean_over_classes(losses: Tensor, chosen: Tensor, class_weight: Tensor) -> Tensor:
    """The weighted mean over the chosen classes of each group, then the mean over groups that have any."""
    weights = chosen * class_weight
    of_groups = ratio_or_zero((losses * weights).sum(dim=1), weights.sum(dim=1))
    return mean_over_pixels(of_groups.sum(), (weights.sum(dim=1) > 0).sum())
