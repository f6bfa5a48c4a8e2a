"""Saves the state of a run when an error ends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.checkpoint import LAST
from segbox.engine.not_finite import Diverged
from segbox.engine.sharding import is_sharded, reshard
from segbox.errors import UserError
from segbox.weights.loading import first_line

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@contextmanager
def save_on_error(runner: Runner) -> Iterator[None]:
    """After an error, save the state of the last complete step as `last.pt`; the log and the message say so."""
    try:
        yield
    except Diverged:  # its message says which state was saved
        raise
    except Exception as error:
        outcome = save_state(runner)
        runner.log(f"ended by {type(error).__name__}: {first_line(error)}" + f"\n{outcome}".rstrip())
        if outcome and isinstance(error, UserError):
            error.args = (f"{error}\n{outcome}",)
        raise


def save_state(runner: Runner) -> str:
    """Save the state from this process alone, since others may be gone. Returns a line that says where it is."""
    path = runner.work_dir / LAST
    where = f"The state after step {runner.step} is in {path}; go on with --resume"
    if runner.step == 0 or not distributed.is_main():
        return ""
    if runner.is_saved():
        return where
    if not runner.is_consistent:
        return "The state within a step was not saved; go on from the newest checkpoint with --resume"
    if is_sharded(runner.model):
        return "The parts of a sharded model were not gathered; go on from the newest checkpoint with --resume"
    try:
        reshard(runner.model)
        runner.buffers.restore()
        runner.go_back_to(runner.guard.last_good(runner.step))
        runner.save(LAST, is_alone=True)
    except Exception as second:
        return f"The state after step {runner.step} could not be saved: {first_line(second)}"
    return where
