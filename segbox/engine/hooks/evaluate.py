"""Evaluates during training, and keeps the best checkpoint."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segbox.engine.checkpoint import BEST
from segbox.errors import CheckpointError, ConfigError, did_you_mean, short
from segbox.evaluation.metric_set import ERRORS, EXTRA, MetricSet
from segbox.evaluation.records import BEST_EVALUATION
from segbox.registry import HOOKS

from .hook import Hook, checked_interval

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class Evaluate(Hook):
    """Evaluates every `interval` steps and after the last one. `best.pt` has the highest score called `best`;
    the lowest if that is an error (ECE).

    A resumed run first evaluates its step, if that was due and was not finished.
    """

    def __init__(self, interval: int, best: str | None = "mIoU") -> None:
        self.interval = checked_interval(interval)
        self.best = best
        self.highest: float | None = None  # or the lowest error
        self.highest_step = 0

    def before_train(self, runner: Runner) -> None:
        if runner.val_loader is None:
            raise ConfigError(
                "hooks.evaluate: the config has no data.val to evaluate on; add it, or set hooks.evaluate=None"
            )
        if self.best is not None:
            refuse_unknown_score(runner, self.best, "hooks.evaluate.best")

    def evaluate(self, runner: Runner) -> None:
        is_due = runner.step % self.interval == 0 or runner.step == runner.max_steps
        if is_due and 0 < runner.step != runner.scored_step:
            runner.evaluate()

    def after_eval(self, runner: Runner, scores: dict[str, float]) -> None:
        if self.best is None or math.isnan(scores[self.best]):
            return
        if self.highest is None or is_better(self.best, scores[self.best], self.highest):
            self.highest, self.highest_step = scores[self.best], runner.step
            runner.save(BEST)
            runner.write_evaluation(BEST_EVALUATION, BEST)
            runner.log(f"best {self.best} so far: {self.highest:.2f} at step {runner.step}, kept as {BEST}")

    def state_dict(self) -> dict[str, Any]:
        return {"highest": self.highest, "highest_step": self.highest_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        highest, step = state.get("highest"), state.get("highest_step")
        if not isinstance(highest, float | int | None) or type(step) is not int:
            raise CheckpointError(f"its best score is {short(highest)}, at step {short(step)}")
        self.highest, self.highest_step = highest, step


def is_better(name: str, score: float, other: float) -> bool:
    return score < other if name in ERRORS else score > other


def refuse_unknown_score(runner: Runner, score: str, place: str) -> None:
    """Refuse a name that no evaluation of this run gives; `place` is the setting with the name."""
    metric = runner.description.get("config", {}).get("metric", {})
    known = MetricSet(runner.classes, **metric).compute()
    if score in known:
        return
    name = f"m{score.split('/')[0]}" if "/" in score else score
    if name in EXTRA:
        raise ConfigError(f"{place}: {score} is computed only if metric.extra names it: metric.extra=['{name}']")
    raise ConfigError(
        f"{place}: there is no score {score!r}.{did_you_mean(score, known)} Scores:"
        f" {', '.join(name for name in known if '/' not in name)}, and of a class: IoU/{runner.classes[0]}"
    )
