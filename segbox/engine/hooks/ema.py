"""The exponential moving average of the weights, for evaluation and for use."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from segbox.registry import HOOKS

from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class EMA(Hook):
    """A second model, `momentum` old and the rest new at every step; it is the one that is evaluated.

    Early on the average is shorter, min(momentum, (1 + step) / (10 + step)), so that it forgets the first weights.
    Statistics of batch norm are copied. Stand it before `evaluate` in the config.
    """

    def __init__(self, momentum: float = 0.999) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f"momentum {momentum} does not lie between 0 and 1")
        self.momentum = momentum
        self.model: torch.nn.Module | None = None
        self.resumed: dict[str, Any] | None = None

    def before_train(self, runner: Runner) -> None:
        self.model = copy.deepcopy(runner.model).requires_grad_(False).eval()
        if self.resumed is not None:
            self.model.load_state_dict(self.resumed)
        runner.averaged_model = self.model

    @torch.no_grad()
    def after_step(self, runner: Runner) -> None:
        new = 1 - min(self.momentum, (1 + runner.step) / (10 + runner.step))
        averages, weights = list(self.model.parameters()), list(runner.model.parameters())
        torch._foreach_lerp_(averages, weights, new)
        for average, current in zip(self.model.buffers(), runner.model.buffers(), strict=True):
            average.copy_(current)

    def state_dict(self) -> dict[str, Any]:
        return {} if self.model is None else self.model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.resumed = state
