"""The masks of EoMT's attention, which end before the training does (https://arxiv.org/abs/2503.19108)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from segbox.arguments import Fraction
from segbox.errors import ConfigError
from segbox.models.heads.eomt import EoMTHead
from segbox.registry import HOOKS

from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner

POWER = 0.9


@HOOKS.register
class MaskAnnealing(Hook):
    """Lowers the probability of a mask from 1 to 0, for one block of EoMTHead after the other.

    `starts` and `ends` are fractions of the run: for each block that sees the queries, those between which its
    probability falls. By default, the run has num_blocks + 2 phases of one length: in the first all blocks are masked,
    in each of the next ones one block loses its masks, and in the last one the model is trained as it will be used.
    The probability is a function of the step. It is saved with the weights, so that a model of the middle of a run
    predicts as it was scored.
    """

    def __init__(self, starts: Sequence[Fraction] | None = None, ends: Sequence[Fraction] | None = None) -> None:
        if (starts is None) != (ends is None):
            raise ValueError("give both starts and ends, or neither, for phases of one length")
        if starts is not None and (len(starts) != len(ends) or any(a >= b for a, b in zip(starts, ends))):
            raise ValueError(
                f"starts={starts}, ends={ends}: expected an end for each start, and each end after its start"
            )
        self.phases = None if starts is None else list(zip(starts, ends))

    def before_train(self, runner: Runner) -> None:
        head = getattr(runner.model, "decode_head", None)
        if not isinstance(head, EoMTHead):
            raise ConfigError(f"hooks.mask_annealing: is for EoMTHead, not for {type(head).__name__}; take it out")
        count = head.num_blocks
        if self.phases is not None and len(self.phases) != count:
            raise ConfigError(
                f"hooks.mask_annealing.starts: {len(self.phases)}, but model.decode_head.num_blocks is {count}"
            )
        self.set_probability(runner)

    def before_step(self, runner: Runner) -> None:
        self.set_probability(runner)

    def after_update(self, runner: Runner) -> None:  # for scores, and for what is saved
        self.set_probability(runner)

    def set_probability(self, runner: Runner) -> None:
        for model in (runner.model, runner.averaged_model):
            if model is not None:
                head, progress = model.decode_head, runner.step / runner.max_steps
                phases = self.phases or equal_phases(head.num_blocks)
                head.set_mask_probability([left(progress, *phase) for phase in phases])


def equal_phases(count: int) -> list[tuple[float, float]]:
    """Phases 1 ... count of count + 2."""
    return [((i + 1) / (count + 2), (i + 2) / (count + 2)) for i in range(count)]


def left(progress: float, start: float, end: float) -> float:
    """The share of queries that are still masked."""
    return (1 - min(max((progress - start) / (end - start), 0.0), 1.0)) ** POWER
