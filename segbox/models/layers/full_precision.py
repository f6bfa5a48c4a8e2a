"""Where half precision would ruin the numbers."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> AbstractContextManager:
    """Autocast off, for sums over all pixels and for what goes into an exponential. Inputs: `.float()` them.

    The meta device, on which models are counted, has no autocast to switch off.
    """
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
