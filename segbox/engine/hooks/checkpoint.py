"""Checkpoints while training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.checkpoint import LAST, link, numbered
from segbox.registry import HOOKS

from .hook import Hook, checked_interval

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@HOOKS.register
class Checkpoint(Hook):
    """Every `interval` steps and at the end. The last `keep` stay; `last.pt` is another name of the newest."""

    def __init__(self, interval: int, keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep={keep}: at least the newest checkpoint is kept")
        self.interval = checked_interval(interval)
        self.keep = keep
        self.saved_step: int | None = None

    def after_step(self, runner: Runner) -> None:
        if runner.step % self.interval == 0:
            self.save(runner)

    def after_train(self, runner: Runner) -> None:
        if self.saved_step != runner.step and runner.step > 0:
            self.save(runner)

    def save(self, runner: Runner) -> None:
        last = runner.save(LAST)  # first, so that at any moment it is the newest
        self.saved_step = runner.step
        if distributed.is_main():
            path = link(last, f"step_{runner.step:08d}.pt")
            # Later ones are of a run that was left by resuming from an earlier step; they do not push this one out.
            for old in [other for other in numbered(runner.work_dir) if other <= path][: -self.keep]:
                old.unlink()
