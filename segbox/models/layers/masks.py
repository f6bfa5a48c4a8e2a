"""What heads that predict masks give to losses and to evaluation."""

from typing import NamedTuple

from torch import Tensor


class Masks(NamedTuple):
    """What the queries of one layer predict."""

    classes: Tensor  # B Q K+1, logits; the last class is "no object"
    masks: Tensor  # B Q h w, logits at the head's own scale
