"""Learning-rate schedules with linear warm-up. They are functions of the step, without state."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING

from segbox.registry import HOOKS
from segbox.renamed import renamed

from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


class Schedule(Hook):
    """Sets the learning rate of each parameter group before each step to `rate(base, progress)`.

    `progress` goes from 0 at the end of the warm-up to 1 after the last step. During `warmup_steps` the rate rises
    linearly from `warmup_ratio` times the base rate.
    """

    warmup_steps: int
    warmup_ratio: float

    @abstractmethod
    def rate(self, base: float, progress: float) -> float: ...

    def rate_at(self, base: float, step: int, max_steps: int) -> float:
        if step < self.warmup_steps:
            return base * (self.warmup_ratio + (1 - self.warmup_ratio) * step / self.warmup_steps)
        return self.rate(base, (step - self.warmup_steps) / max(1, max_steps - self.warmup_steps))

    def before_step(self, runner: Runner) -> None:
        for group in runner.optimizer.param_groups:
            group["lr"] = self.rate_at(group["base_lr"], runner.step, runner.max_steps)


@renamed(warmup="warmup_steps")
@HOOKS.register
class PolyLR(Schedule):
    """(base - min_lr) (1 - progress)^power + min_lr; a group whose base rate is below min_lr keeps it."""

    def __init__(
        self, power: float = 0.9, min_lr: float = 0.0, warmup_steps: int = 0, warmup_ratio: float = 0.01
    ) -> None:
        self.power, self.min_lr, self.warmup_steps, self.warmup_ratio = power, min_lr, warmup_steps, warmup_ratio

    def rate(self, base: float, progress: float) -> float:
        lowest = min(self.min_lr, base)
        return (base - lowest) * (1 - progress) ** self.power + lowest


@renamed(warmup="warmup_steps")
@HOOKS.register
class CosineLR(Schedule):
    """Half a cosine from the base rate to min_lr; a group whose base rate is below min_lr keeps it."""

    def __init__(self, min_lr: float = 0.0, warmup_steps: int = 0, warmup_ratio: float = 0.01) -> None:
        self.min_lr, self.warmup_steps, self.warmup_ratio = min_lr, warmup_steps, warmup_ratio

    def rate(self, base: float, progress: float) -> float:
        lowest = min(self.min_lr, base)
        return lowest + (base - lowest) * (1 + math.cos(math.pi * progress)) / 2


@renamed(warmup="warmup_steps")
@HOOKS.register
class StepLR(Schedule):
    """Multiplies the rate by `factor` at each milestone, a fraction of the run: (0.6, 0.9)."""

    def __init__(
        self,
        milestones: tuple[float, ...] = (0.6, 0.9),
        factor: float = 0.1,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.01,
    ) -> None:
        if any(not 0 < milestone < 1 for milestone in milestones):
            raise ValueError(f"milestones={milestones}: expected fractions of the run, between 0 and 1")
        self.milestones, self.factor = milestones, factor
        self.warmup_steps, self.warmup_ratio = warmup_steps, warmup_ratio

    def rate(self, base: float, progress: float) -> float:
        return base * self.factor ** sum(progress >= milestone for milestone in self.milestones)
