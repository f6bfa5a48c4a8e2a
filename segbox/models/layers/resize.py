"""The one way in which maps are brought to another size."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, by pixel areas (not aligned corners): the same at every scale, so any image size is fine."""
    size = tuple(size)
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=False)
