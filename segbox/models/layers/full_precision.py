"""Parts that need float32 under autocast."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> AbstractContextManager:
    """Disables autocast, for sums over all pixels and inputs of exponentials. Inputs still need `.float()`.

    The meta device, on which costs are counted, has no autocast.
    """
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
