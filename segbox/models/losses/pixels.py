"""Checks and conversions of labels, logits and class weights that the losses share."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from segbox import distributed
from segbox.errors import DataError

# One number for each class. A string is the name of a rule (model configs); the loss itself takes the numbers.
ClassWeight = Sequence[float] | str | None


def all_classes(logits: Tensor, num_classes: int) -> Tensor:
    """Logits of every class. The one channel of a binary model is the log-odds of class 1 against class 0."""
    channels = logits.shape[1]
    if channels == 1 and num_classes == 2:
        return torch.cat([torch.zeros_like(logits), logits], dim=1)
    if channels != num_classes:
        raise ValueError(f"logits of {channels} channel(s) for {num_classes} classes")
    return logits


def log_odds(logits: Tensor) -> Tensor:
    """B 1 H W: the log-odds of class 1 against class 0, from a binary model of one or two channels."""
    if logits.shape[1] not in (1, 2):
        raise ValueError(f"logits of {logits.shape[1]} channels; a loss for binary models takes one or two")
    if logits.shape[1] == 1:
        return logits
    logits = logits.to(
        torch.promote_types(logits.dtype, torch.float)
    )  # in half precision the difference would be rounded again
    return logits[:, 1:] - logits[:, :1]


def check_labels(labels: Tensor, num_classes: int, ignore_index: int) -> None:
    """Raise DataError for ids that are no class; on a GPU they would cause an assertion without details."""
    strange = labels[(labels < 0) | (labels >= num_classes)]
    strange = strange[strange != ignore_index].unique().tolist()
    if strange:
        raise DataError(
            f"labels hold class ids {', '.join(map(str, strange[:10]))}{', ...' if len(strange) > 10 else ''}, but"
            f" there are {num_classes} classes (0 to {num_classes - 1}; {ignore_index} is ignored); let"
            " segbox check find the files, and map or drop the ids with the data set's label_map"
        )


def one_hot(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """B H W -> B K H W, true at each pixel's class, false everywhere for ignored pixels."""
    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    return (labels[:, None] == classes) & (labels[:, None] != ignore_index)


def weights_of_classes(class_weight: ClassWeight, num_classes: int) -> Tensor:
    """One weight per class; ones by default."""
    if class_weight is None:
        return torch.ones(num_classes)
    if isinstance(class_weight, str):
        raise ValueError(f"class_weight={class_weight!r}: a loss takes numbers, one for each of {num_classes} classes")
    if len(class_weight) != num_classes:
        raise ValueError(f"class_weight has {len(class_weight)} numbers for {num_classes} classes")
    if not (all(math.isfinite(weight) and weight >= 0 for weight in class_weight) and any(class_weight)):
        raise ValueError(f"class_weight={list(class_weight)}: expected numbers of 0 or more, not all of them 0")
    return torch.tensor(class_weight, dtype=torch.float)


def weights_of_pixels(labels: Tensor, class_weight: Tensor, ignore_index: int) -> Tensor:
    """B H W: the weight of each pixel's class; 0 for ignored pixels."""
    valid = labels != ignore_index
    known = labels.where(valid, 0).int()
    return class_weight.index_select(0, known.flatten()).view(labels.shape).where(valid, 0)


def mean_over_pixels(total: Tensor, mass: Tensor) -> Tensor:
    """total / mean of mass over the processes. Its mean over the processes is the ratio over all their pixels.

    DDP averages gradients over the processes, and the log averages losses. The average of total / mass would differ
    from the ratio over all pixels when one process has more ignored pixels than another.
    """
    return ratio_or_zero(total, distributed.mean(mass))


def ratio_or_zero(total: Tensor, mass: Tensor) -> Tensor:
    """total / mass. Where the mass is zero, the total is zero too, and the result is zero with a gradient of zero."""
    return total / mass.where(mass > 0, 1)
