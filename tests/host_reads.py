"""How often the host would wait for a GPU, counted on the CPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from segbox.models.losses import hardest, lovasz, surprise

READS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2", "unique_dim"}


class HostReads(TorchDispatchMode):
    """Notes each operation for whose result a host would wait for its GPU. It does not see copies of whole tensors."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masks = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in READS or any(mask is not None and mask.dtype == torch.bool for mask in masks):
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def take_ways_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """On CPUs, losses look at their numbers where that saves time."""
    monkeypatch.setattr(surprise, "has_spans", lambda logits, labels: False)
    monkeypatch.setattr(hardest, "by_selection", hardest.by_sorting)
    monkeypatch.setattr(lovasz, "counted_pixels", lambda labels, ignore_index: (labels, None))
