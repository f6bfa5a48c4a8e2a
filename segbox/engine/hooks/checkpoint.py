"""Saves checkpoints during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.checkpoint import LAST, checkpoint_name, link, numbered_checkpoints, step_of
from segbox.registry import HOOKS

from .hook import Hook, checked_interval

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class Checkpoint(Hook):
    """Saves every `interval` steps and at the end, and keeps the last `keep`. `last.pt` is the newest.

    A step is saved before it is evaluated, and again afterwards with the hooks' new state.
    """

    def __init__(self, interval: int, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep}: expected 1 or more checkpoints")
        self.interval = checked_interval(interval)
        self.keep = keep

    def save(self, runner: Runner, is_end: bool) -> None:
        is_due = is_end or runner.step % self.interval == 0
        if not is_due or runner.step == 0 or runner.is_saved():
            return
        last = runner.save(LAST)  # first, so that it is the newest at any moment
        if distributed.is_main():
            link(last, checkpoint_name(runner.step))
            # Later ones are of a run that was abandoned by resuming from an earlier step; they do not count.
            earlier = [path for path in numbered_checkpoints(runner.work_dir) if step_of(path) <= runner.step]
            for old in earlier[: -self.keep]:
                old.unlink()
