"""Ends a run that no longer improves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segbox import distributed
from segbox.errors import CheckpointError, ConfigError, short
from segbox.evaluation.metric_set import ERRORS
from segbox.registry import HOOKS

from .evaluate import Evaluate, refuse_unknown_score
from .hook import Hook

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class EarlyStopping(Hook):
    """Ends the run after `patience` evaluations in a row whose `metric` is not above the highest + `min_delta`.

    The run ends as after its last step: last.pt, exit status 0. Process 0 decides for all. The learning rate still
    follows `train.max_steps`.
    """

    def __init__(self, patience: int, metric: str = "mIoU", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience={patience}: expected a number of evaluations, 1 or more")
        if min_delta < 0:
            raise ValueError(f"min_delta={min_delta}: expected a number of points, 0 or more")
        if metric in ERRORS:
            raise ValueError(
                f"metric={metric!r} falls when a model improves; expected a score that rises, such as mIoU"
            )
        self.patience, self.metric, self.min_delta = patience, metric, min_delta
        self.highest: float | None = None
        self.highest_step = self.counted_step = self.waited = 0

    def before_train(self, runner: Runner) -> None:
        if not any(isinstance(hook, Evaluate) for hook in runner.hooks.values()):
            raise ConfigError("hooks.early_stopping: nothing evaluates the model; add hooks.evaluate")
        refuse_unknown_score(runner, self.metric, "hooks.early_stopping.metric")
        self._end_if_due(runner)  # a resumed run that has ended this way; a larger patience lets it go on

    def after_eval(self, runner: Runner, scores: dict[str, float]) -> None:
        if runner.step == self.counted_step:  # evaluated again, after a resume
            return
        self.counted_step = runner.step
        score = scores[self.metric]
        if not math.isnan(score) and (self.highest is None or score > self.highest + self.min_delta):
            self.highest, self.highest_step, self.waited = score, runner.step, 0
        else:
            self.waited += 1
        self._end_if_due(runner)

    def _end_if_due(self, runner: Runner) -> None:
        if not distributed.any_says(distributed.is_main() and self.waited >= self.patience):
            return
        runner.is_ended = True
        best = "never a number" if self.highest is None else f"at best {self.highest:.2f}, at step {self.highest_step}"
        runner.log(
            f"early stopping at step {runner.step}: {self.metric} was {best}, and did not rise by more than"
            f" {self.min_delta:g} in {self.waited} evaluation(s); to go on: --resume and a larger"
            " hooks.early_stopping.patience"
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "highest": self.highest,
            "highest_step": self.highest_step,
            "counted_step": self.counted_step,
            "waited": self.waited,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        highest, counts = state.get("highest"), [state.get(name) for name in ("highest_step", "counted_step", "waited")]
        if not isinstance(highest, float | int | None) or any(type(count) is not int for count in counts):
            raise CheckpointError(f"its count of evaluations is {short(state)}")
        self.highest, (self.highest_step, self.counted_step, self.waited) = highest, counts
