"""Online hard example mining (https://arxiv.org/abs/1604.03540): which pixels are used."""

import torch
from torch import Tensor


def hardest(losses: Tensor, valid: Tensor, ratio: float) -> Tensor:
    """Mask of the fraction of the valid pixels with the largest losses: at least one, and all ties with the last."""
    if ratio == 1:
        return valid
    rank = (valid.sum().double() * ratio).long().clamp(min=1)
    return valid & ~(losses < largest(losses, valid, rank))  # NaN is kept: the step is not finite


def largest(losses: Tensor, valid: Tensor, rank: Tensor) -> Tensor:
    """The loss of this rank among the valid pixels: 1 is the largest. -inf if there are fewer."""
    losses = losses.where(valid, -torch.inf).flatten()
    return by_selection(losses, rank) if losses.device.type == "cpu" else by_sorting(losses, rank)


def by_selection(values: Tensor, rank: Tensor) -> Tensor:
    """Several times as fast as sorting, but the rank is read: a GPU would be waited for."""
    return torch.kthvalue(values, len(values) + 1 - int(rank)).values


def by_sorting(values: Tensor, rank: Tensor) -> Tensor:
    """GPUs sort fast."""
    return values.sort(descending=True).values.gather(0, rank[None] - 1)


def checked_ratio(ratio: float) -> float:
    if not 0 < ratio <= 1:
        raise ValueError(f"the ratio of hard pixels is {ratio}: expected a number above 0, up to 1")
    return ratio
