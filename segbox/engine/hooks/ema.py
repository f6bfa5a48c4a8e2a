"""Exponential moving average of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from segbox.engine.sharding import copy_of_model, local_parameters, sharded_state
from segbox.registry import HOOKS
from segbox.weights.loading import load_weights

from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class EMA(Hook):
    """Keeps a second model, `momentum * average + (1 - momentum) * weights`; evaluation uses it.

    Early in training the momentum is min(momentum, (1 + step) / (10 + step)), so that the average forgets the initial
    weights. Batch-norm buffers are copied. A skipped step changes nothing.
    """

    def __init__(self, momentum: float = 0.999) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f"momentum={momentum}: expected a number between 0 and 1")
        self.momentum = momentum

    def before_train(self, runner: Runner) -> None:
        self.model = copy_of_model(runner.model).requires_grad_(False).eval()
        if runner.resumed_average is not None:
            resumed = sharded_state(runner.resumed_average, self.model)
            load_weights(self.model, resumed, "the average in the checkpoint")
        runner.averaged_model = self.model

    @torch.no_grad()
    def after_update(self, runner: Runner) -> None:
        new = 1 - min(self.momentum, (1 + runner.step) / (10 + runner.step))
        averages, currents = local_parameters(self.model), local_parameters(runner.model)
        share = torch.where(runner.is_skipped, 0.0, torch.full_like(runner.is_skipped, new, dtype=torch.float64))
        shares = {dtype: share.to(dtype) for dtype in {average.dtype for average in averages}}
        torch._foreach_lerp_(averages, currents, [shares[average.dtype] for average in averages])
        torch._foreach_copy_(list(self.model.buffers()), list(runner.model.buffers()))
