"""Batch norms with exact statistics instead of running averages (https://arxiv.org/abs/2105.07576, section 3)."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segbox import distributed
from segbox.models.freezing import PARTS, frozen_modules, norms_of


def precise_batch_norm(model: nn.Module, batches: Iterable[Any]) -> int:
    """Replace the running statistics by their mean over the batches; returns the number of batches.

    Frozen statistics are not changed, nor those of auxiliary heads, which predictions do not use.
    """
    parts = [part for part in PARTS if part not in (*model.frozen_statistics, "auxiliary_heads")]
    frozen = set(frozen_modules(model))
    norms = [norm for norm in norms_of(model, parts) if norm.track_running_stats and norm not in frozen]
    if not norms:
        raise ValueError("the model has no batch norm whose statistics may change")
    was_training = model.training
    try:
        return measure_statistics(model, norms, batches)
    finally:
        model.train(was_training)


@torch.no_grad()
def measure_statistics(model: nn.Module, norms: Iterable[_BatchNorm], batches: Iterable[Any]) -> int:
    """Set the statistics of the norms to the mean over the statistics of the batches; returns the number of batches.

    Every batch has the same weight, and each process measures its own batches. The model runs in evaluation mode,
    except for these norms.
    """
    norms = list(norms)
    momenta = [norm.momentum for norm in norms]
    sums = [(torch.zeros_like(norm.running_mean), torch.zeros_like(norm.running_var)) for norm in norms]
    count = 0
    model.eval()
    try:
        for norm in norms:
            norm.train()
            norm.momentum = 1.0  # so the running statistics are those of the last batch
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
        raise ValueError("the loader gave no batch; statistics need at least one")
    for norm, (mean, variance) in zip(norms, sums):
        norm.running_mean.copy_(distributed.mean(mean / count))
        norm.running_var.copy_(distributed.mean(variance / count))
    return count


def images_of(batch: Any) -> Tensor:
    """The images of a batch: the batch itself, its first item, or its "images"."""
    if isinstance(batch, Mapping):
        return batch["images"]
    return batch if isinstance(batch, Tensor) else batch[0]
