"""Borders between classes, and PIDNet's loss for them (https://arxiv.org/abs/2206.02066)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from segbox import IGNORE_INDEX

ALL, BUT_FIRST, BUT_LAST = slice(None), slice(1, None), slice(None, -1)
# Rows and columns of the pixels that are marked, and of the neighbours that they are compared with.
NEIGHBOURS = (
    ((..., BUT_FIRST, ALL), (..., BUT_LAST, ALL)),
    ((..., ALL, BUT_LAST), (..., ALL, BUT_FIRST)),
    ((..., BUT_LAST, BUT_LAST), (..., BUT_FIRST, BUT_FIRST)),
    ((..., BUT_LAST, BUT_FIRST), (..., BUT_FIRST, BUT_LAST)),
)


def borders(labels: Tensor, width: int = 4, ignore_index: int = IGNORE_INDEX) -> Tensor:
    """B H W, true within `width` x `width` pixels around those whose class differs from a neighbour's.

    Ignored pixels have no borders. Of two neighbours, one is marked.
    """
    valid = labels != ignore_index
    found = torch.zeros_like(valid)
    for here, there in NEIGHBOURS:
        found[here] |= (labels[here] != labels[there]) & valid[here] & valid[there]
    before, after = width // 2, (width - 1) // 2
    padded = F.pad(found[:, None].float(), (before, after, before, after))
    return F.max_pool2d(padded, width, 1)[:, 0] > 0


def border_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross entropy of B H W, the mean over all pixels; a border's weight is the share of the other pixels."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float))
    share = truth.to(logits.dtype).mean()
    weight = torch.where(truth, 1 - share, share)
    return F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), weight)
