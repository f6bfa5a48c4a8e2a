"""Checkpoints while training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.checkpoint import LAST, link, name_of, numbered, step_of
from segbox.registry import HOOKS

from .hook import Hook, checked_interval

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class Checkpoint(Hook):
    """Every `interval` steps and at the end. The last `keep` stay; `last.pt` is another name of the newest.

    A step is saved before it is evaluated, and again afterwards, with what the hooks learned from the scores.
    """

    def __init__(self, interval: int, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep}: at least the newest checkpoint is kept")
        self.interval = checked_interval(interval)
        self.keep = keep

    def save(self, runner: Runner, is_end: bool) -> None:
        is_due = is_end or runner.step % self.interval == 0
        if not is_due or runner.step == 0 or runner.is_saved():
            return
        last = runner.save(LAST)  # first, so that at any moment it is the newest
        if distributed.is_main():
            link(last, name_of(runner.step))
            # Later ones are of a run that was left by resuming from an earlier step; they do not push this one out.
            for old in [path for path in numbered(runner.work_dir) if step_of(path) <= runner.step][: -self.keep]:
                old.unlink()
