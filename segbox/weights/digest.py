"""One hash for all weights of a model."""

import hashlib

import torch
from torch import nn


def digest_of_weights(model: nn.Module) -> str:
    """SHA-256 of names, types, shapes and values: the same for a checkpoint and for what was published of it."""
    known = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        known.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        known.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return known.hexdigest()
