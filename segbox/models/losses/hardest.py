"""Online hard example mining (https://arxiv.org/abs/1604.03540): which pixels are used."""

import torch
from torch import Tensor


def hardest(losses: Tensor, valid: Tensor, ratio: float) -> Tensor:
    """Mask of the fraction of the valid pixels with the largest losses: at least one, and all ties with the last."""
    candidates = losses[valid]
    if ratio == 1 or not len(candidates):
        return valid
    return valid & (losses >= largest(candidates, max(1, int(len(candidates) * ratio))))


def largest(values: Tensor, rank: int) -> Tensor:
    """The value of this rank: 1 is the largest."""
    place = len(values) - rank
    if values.device.type == "cpu":
        return torch.kthvalue(values, place + 1).values  # several times as fast as sorting
    return values.sort().values[place]  # GPUs sort fast; before 2.10 their kthvalue is not deterministic


def checked_ratio(ratio: float) -> float:
    if not 0 < ratio <= 1:
        raise ValueError(f"the ratio of hard pixels is {ratio}: expected a number above 0, up to 1")
    return ratio
