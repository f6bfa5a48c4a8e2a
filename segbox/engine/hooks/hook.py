"""The contract of hooks: what happens around a step.

before_train
    before_step -> the step -> after_update      max_steps times; in each moment, hooks in the order of the config
                -> after_step
                -> save(is_end=False)            the state of this step is whole: it is saved before it is evaluated
                -> evaluate                      also once before the first step, for a run that is resumed
                       after_eval(scores)        whenever somebody evaluated
                -> save(is_end=False)            once more, if somebody evaluated
save(is_end=True)                                also when a signal ended the run early
after_train                                      the same
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


class Hook:
    """Every moment is a no-op until a hook says otherwise. `runner.step` counts finished steps."""

    def before_train(self, runner: Runner) -> None: ...

    def before_step(self, runner: Runner) -> None: ...

    def after_update(self, runner: Runner) -> None:
        """What belongs to the state of the run follows the weights: an error in here leaves a state that is not saved,
        as an error in the optimizer does."""

    def after_step(self, runner: Runner) -> None: ...

    def save(self, runner: Runner, is_end: bool) -> None: ...

    def evaluate(self, runner: Runner) -> None: ...

    def after_eval(self, runner: Runner, scores: dict[str, float]) -> None: ...

    def after_train(self, runner: Runner) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know: tensors, numbers, strings, lists and dicts. First asked for before step 1."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def checked_interval(interval: int) -> int:
    if interval < 1:
        raise ValueError(f"interval={interval}: expected a number of steps, 1 or more")
    return interval
