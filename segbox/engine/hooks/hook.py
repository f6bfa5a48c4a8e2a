"""The hook interface: what is called around a step. Hooks are called in the order of the config.

before_train
    before_step -> the step -> after_update      max_steps times
                -> after_step
                -> save(is_end=False)            the step is complete: it can be saved before it is evaluated
                -> evaluate                      also once before the first step, for a resumed run
                       after_eval(scores)        after each evaluation
                after_log(row, group)            after each line of log.jsonl, in the main process; group: train, eval
                -> save(is_end=False)            again, for the state after the evaluation
save(is_end=True)                                also when a signal ended the run early
after_train                                      the same
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


class Hook:
    """The base class: all methods do nothing. `runner.step` is the number of finished steps.

    `runner.losses` and `runner.is_skipped` (the step was not finite, and changed nothing) are numbers of the device: a
    hook that reads one (`float`, `bool`) in each step makes the host wait for the device in each step.
    """

    def before_train(self, runner: Runner) -> None: ...

    def before_step(self, runner: Runner) -> None: ...

    def after_update(self, runner: Runner) -> None:
        """Update what belongs to the state of the run, such as a moving average. If it raises, the step is incomplete
        and its state is not saved."""

    def after_step(self, runner: Runner) -> None: ...

    def save(self, runner: Runner, is_end: bool) -> None: ...

    def evaluate(self, runner: Runner) -> None: ...

    def after_eval(self, runner: Runner, scores: dict[str, float]) -> None: ...

    def after_log(self, runner: Runner, row: dict[str, Any], group: str) -> None: ...

    def after_train(self, runner: Runner) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        """The state for checkpoints: tensors, numbers, strings, lists, dicts. First called before step 1."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def checked_interval(interval: int) -> int:
    if interval < 1:
        raise ValueError(f"interval={interval}: expected a number of steps, 1 or more")
    return interval
