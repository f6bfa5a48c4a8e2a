"""Batch norms of a finished model: turned into other norms, and given exact statistics."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segbox import distributed

NORMS = ("SyncBN", "GN", "frozen")
GROUPS = 32


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    return [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]


def convert_norm(module: nn.Module, kind: str) -> nn.Module:
    """The module with each batch norm replaced; scale and shift are kept.

    "SyncBN": statistics over all processes. "GN": 32 groups, or the most up to 32 that divide the channels.
    "frozen": the layers stay, and neither statistics nor scale and shift learn (until something thaws them).
    """
    if kind not in NORMS:
        raise ValueError(f"there is no norm {kind!r}; norms: {', '.join(NORMS)}")
    if kind == "frozen":
        freeze_norms(module)
        return module
    for name, child in module.named_children():
        setattr(module, name, convert_norm(child, kind))
    if not isinstance(module, _BatchNorm) or isinstance(module, nn.SyncBatchNorm):
        return module
    if kind == "SyncBN" and type(module).__module__.startswith("timm."):
        from timm.layers import convert_sync_batchnorm  # its norms hold an activation, which PyTorch's would lose

        return convert_sync_batchnorm(module)
    if type(module) not in (nn.BatchNorm1d, nn.BatchNorm2d):
        raise ValueError(f"norm {kind!r}: the network has a batch norm of its own kind, {type(module).__name__}")
    return nn.SyncBatchNorm.convert_sync_batchnorm(module) if kind == "SyncBN" else group_norm(module)


def freeze_norms(module: nn.Module) -> None:
    for norm in batch_norms(module):
        norm.eval().requires_grad_(False)


def group_norm(norm: _BatchNorm) -> nn.GroupNorm:
    groups = math.gcd(GROUPS, norm.num_features)
    new = nn.GroupNorm(groups, norm.num_features, norm.eps, norm.affine)
    if norm.affine:
        new.load_state_dict({"weight": norm.weight, "bias": norm.bias})
    return new.to(norm.weight.device) if norm.affine else new


@torch.no_grad()
def measure_statistics(model: nn.Module, norms: Iterable[_BatchNorm], batches: Iterable[Any]) -> int:
    """Set the norms' statistics to the mean over the batches' own (https://arxiv.org/abs/2105.07576, section 3).

    Each batch counts the same, each process measures its own batches. The model runs as in evaluation, but for
    these norms, which see batches as in training. Returns how many batches there were.
    """
    norms = list(norms)
    momenta = [norm.momentum for norm in norms]
    sums = [(torch.zeros_like(norm.running_mean), torch.zeros_like(norm.running_var)) for norm in norms]
    count = 0
    model.eval()
    try:
        for norm in norms:
            norm.train()
            norm.momentum = 1.0  # the running statistics are then those of the last batch
        for batch in batches:
            model(images_of(batch).to(norms[0].running_mean.device))
            for norm, (mean, variance) in zip(norms, sums):
                mean += norm.running_mean
                variance += norm.running_var
            count += 1
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
    if not count:
        raise ValueError("the loader gave no batch; statistics need one at least")
    for norm, (mean, variance) in zip(norms, sums):
        norm.running_mean.copy_(distributed.mean(mean / count))
        norm.running_var.copy_(distributed.mean(variance / count))
    return count


def images_of(batch: Any) -> Tensor:
    """A batch is its images, a pair that begins with them, or a dict that names them."""
    if isinstance(batch, Mapping):
        return batch["images"]
    return batch if isinstance(batch, Tensor) else batch[0]
