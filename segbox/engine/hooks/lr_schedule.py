"""Learning-rate schedules with linear warm-up. They are functions of the step, without state."""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING

from segbox.arguments import Count, Fraction
from segbox.registry import HOOKS
from segbox.renamed import renamed

from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


class Schedule(Hook):
    """Sets the learning rate of each parameter group before each step.

    During `warmup_steps` it rises linearly from `warmup_ratio` times the base rate. Then it is
    `rate(base, step, steps)`, where `step` of the other `steps` are done. With `backbone_warmup_steps` there are two
    warm-ups: the backbone has the rate 0 while the new parts warm up, then it begins a schedule with a warm-up of its
    own, as in EoMT (https://arxiv.org/abs/2503.19108), where warmup_ratio is 0.
    """

    warmup_steps: int = 0
    warmup_ratio: float = 0.01
    backbone_warmup_steps: int | None = None

    @abstractmethod
    def rate(self, base: float, step: int, steps: int) -> float: ...

    def rate_at(self, base: float, step: int, max_steps: int, in_backbone: bool = False) -> float:
        warmup = self.warmup_steps
        if in_backbone and self.backbone_warmup_steps is not None:
            step, max_steps, warmup = step - warmup, max_steps - warmup, self.backbone_warmup_steps
            if step < 0:
                return 0.0
        if step < warmup:
            return base * (self.warmup_ratio + (1 - self.warmup_ratio) * step / warmup)
        return self.rate(base, step - warmup, max(1, max_steps - warmup))

    def before_step(self, runner: Runner) -> None:
        for group in runner.optimizer.param_groups:
            in_backbone = group.get("in_backbone", False)
            group["lr"] = self.rate_at(group["base_lr"], runner.step, runner.max_steps, in_backbone)


@renamed(warmup="warmup_steps")
@HOOKS.register
class PolyLR(Schedule):
    """(base - min_lr) (1 - step / steps)^power + min_lr; a group whose base rate is below min_lr keeps it."""

    def __init__(
        self,
        power: float = 0.9,
        min_lr: float = 0.0,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.01,
        backbone_warmup_steps: int | None = None,
    ) -> None:
        self.power, self.min_lr, self.warmup_steps, self.warmup_ratio = power, min_lr, warmup_steps, warmup_ratio
        self.backbone_warmup_steps = backbone_warmup_steps

    def rate(self, base: float, step: int, steps: int) -> float:
        lowest = min(self.min_lr, base)
        return (base - lowest) * (1 - step / steps) ** self.power + lowest


@renamed(warmup="warmup_steps")
@HOOKS.register
class CosineLR(Schedule):
    """Half a cosine from the base rate to min_lr; a group whose base rate is below min_lr keeps it."""

    def __init__(
        self,
        min_lr: float = 0.0,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.01,
        backbone_warmup_steps: int | None = None,
    ) -> None:
        self.min_lr, self.warmup_steps, self.warmup_ratio = min_lr, warmup_steps, warmup_ratio
        self.backbone_warmup_steps = backbone_warmup_steps

    def rate(self, base: float, step: int, steps: int) -> float:
        return half_cosine(base, min(self.min_lr, base), step / steps)


@HOOKS.register
class CosineRestartsLR(Schedule):
    """`cycles` half cosines, each from the base rate to min_lr (SGDR, https://arxiv.org/abs/1608.03983).

    Each cycle is `growth` times as long as the one before, and the last one ends with the run: PyTorch's
    CosineAnnealingWarmRestarts, whose T_0 is max_steps / (1 + growth + growth^2 + ...).
    """

    def __init__(
        self,
        cycles: Count = 3,
        growth: float = 1.0,
        min_lr: float = 0.0,
        warmup_steps: int = 0,
        warmup_ratio: float = 0.01,
    ) -> None:
        if growth <= 0:
            raise ValueError(f"growth={growth}: expected a number above 0; 1 for cycles of one length")
        self.ends = list(accumulate((growth**i for i in range(cycles)), initial=0.0))
        self.min_lr, self.warmup_steps, self.warmup_ratio = min_lr, warmup_steps, warmup_ratio

    def rate(self, base: float, step: int, steps: int) -> float:
        ends = [steps * end / self.ends[-1] for end in self.ends]
        cycle = bisect(ends[:-1], step) - 1
        progress = (step - ends[cycle]) / (ends[cycle + 1] - ends[cycle])
        return half_cosine(base, min(self.min_lr, base), progress)


@HOOKS.register
class OneCycleLR(Schedule):
    """Up to the base rate and down again, both along half a cosine (https://arxiv.org/abs/1708.07120).

    The rate starts at base / start_divisor, is highest after `rise` of the run, and ends at its start / end_divisor:
    PyTorch's OneCycleLR, but the momentum stays as it is.
    """

    def __init__(self, rise: Fraction = 0.3, start_divisor: float = 25.0, end_divisor: float = 1e4) -> None:
        if min(start_divisor, end_divisor) < 1:
            raise ValueError(f"start_divisor={start_divisor}, end_divisor={end_divisor}: expected numbers of 1 or more")
        self.rise, self.start_divisor, self.end_divisor = rise, start_divisor, end_divisor

    def rate(self, base: float, step: int, steps: int) -> float:
        top, last, start = self.rise * steps - 1, steps - 1, base / self.start_divisor
        if step < top:
            return half_cosine(start, base, step / top)
        return half_cosine(base, start / self.end_divisor, (step - top) / (last - top or 1))


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

    def rate(self, base: float, step: int, steps: int) -> float:
        return base * self.factor ** sum(step / steps >= milestone for milestone in self.milestones)


def half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
