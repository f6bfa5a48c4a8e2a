"""The buffers of a model (batch-norm statistics) of before a step, to undo what the step has done to them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class KeptBuffers:
    """Keeps the buffers that checkpoints hold, those of one type in one tensor: two kernels instead of hundreds."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.groups: Sequence[list[Tensor]] = ()
        self.kept: Sequence[Tensor] = ()

    @torch.no_grad()
    def keep(self) -> None:
        self.groups = self._groups()
        self.kept = [flat(group) for group in self.groups]

    @torch.no_grad()
    def restore(self, where: Tensor | None = None) -> None:
        """Restore what is kept, if `where` is true: one truth value of the device."""
        for group, kept in zip(self.groups, self.kept):
            chosen = kept if where is None else torch.where(where, kept, flat(group))
            parts = chosen.split([buffer.numel() for buffer in group])
            torch._foreach_copy_(group, [part.view(buffer.shape) for part, buffer in zip(parts, group)])

    def forget(self) -> None:
        self.kept = ()

    def _groups(self) -> list[list[Tensor]]:
        groups: dict[torch.dtype, list[Tensor]] = {}
        for module in self.model.modules():
            for name, buffer in module._buffers.items():
                if buffer is not None and name not in module._non_persistent_buffers_set:
                    groups.setdefault(buffer.dtype, []).append(buffer)
        return list(groups.values())


def flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])
