"""What is saved of a run that an error ends: of data, of a disk, of evaluation, of a part that somebody wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segbox import distributed
from segbox.engine.checkpoint import LAST
from segbox.engine.sharding import is_sharded
from segbox.engine.step_errors import Diverged
from segbox.errors import UserError
from segbox.weights.loading import first_line

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


@contextmanager
def saved_on_error(runner: Runner) -> Iterator[None]:
    """After an error, `last.pt` holds the state of the last whole step; the log says so, and the user's message."""
    try:
        yield
    except Diverged:  # whose message says which state was saved
        raise
    except Exception as error:
        told = rescue(runner)
        runner.log(f"ended by {type(error).__name__}: {first_line(error)}" + f"\n{told}".rstrip())
        if told and isinstance(error, UserError):
            error.args = (f"{error}\n{told}",)
        raise


def rescue(runner: Runner) -> str:
    """Save what is whole, and say where it is. The other processes cannot help: they may be anywhere, or gone."""
    path = runner.work_dir / LAST
    where = f"The state after step {runner.step} is in {path}; go on with --resume"
    if runner.step == 0 or not distributed.is_main():
        return ""
    if runner.is_saved():
        return where
    if not runner.is_whole:
        return "The state within a step was not saved; go on from the newest checkpoint with --resume"
    if is_sharded(runner.model):
        return "The parts of a sharded model were not gathered; go on from the newest checkpoint with --resume"
    try:
        runner.put_statistics_back()
        runner.save(LAST, is_alone=True)
    except Exception as second:
        return f"The state after step {runner.step} could not be saved: {first_line(second)}"
    return where
