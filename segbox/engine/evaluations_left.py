"""How many evaluations a run still has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbox.engine.hooks.evaluate import Evaluate

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


def evaluations_left(runner: Runner, max_steps: int) -> int:
    """The evaluations between now and the end of a run of `max_steps`: every interval, and after the last step."""
    intervals = [hook.interval for hook in runner.hooks.values() if isinstance(hook, Evaluate)]
    done = max(runner.step - 1, runner.scored_step)
    if not intervals or max_steps <= done:
        return 0
    interval = min(intervals)
    return max_steps // interval - done // interval + (max_steps % interval != 0)
