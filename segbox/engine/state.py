"""The state of a run: what a checkpoint holds, and how a resumed run restores it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbox import __version__
from segbox.differences import changes
from segbox.engine.optim import load_optimizer_state, optimizer_state
from segbox.engine.sharding import sharded_state
from segbox.errors import CheckpointError, short
from segbox.renamed import with_new_names
from segbox.weights.loading import load_weights, refuse_spoilt

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


def run_state(runner: Runner) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values, for a resumed run and for users of the weights."""
    averaged = {} if runner.averaged_model is None else {"ema": runner.averaged_model.state_dict()}
    planned = {} if runner.planned_steps is None else {"planned_steps": runner.planned_steps}
    return {
        "step": runner.step,
        **planned,
        "draws": runner.draws,
        "scored_step": runner.scored_step,
        "skipped": runner.skipped,
        "model": runner.model.state_dict(),
        **averaged,
        "optimizer": optimizer_state(runner.optimizer, runner.model),
        "scaler": runner.scaler.state_dict(),
        "hooks": {name: hook.state_dict() for name, hook in runner.hooks.items()},
        "classes": list(runner.classes),
        "segbox": __version__,
        **runner.description,
    }


def restore(runner: Runner, path: Path, content: Mapping[str, Any]) -> None:
    """Restore the state of a run from the content of a checkpoint; `path` is for messages."""
    for part in ("model", "ema"):
        refuse_spoilt(runner.model, content.get(part, {}), path)
    load_weights(runner.model, sharded_state(content["model"], runner.model), path)
    try:
        load_optimizer_state(runner.optimizer, runner.model, sharded_state(content["optimizer"], runner.model))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    runner.resumed_average = content.get("ema")
    if runner.scaler.is_enabled() and content.get("scaler"):
        if not is_scaler_state(content["scaler"], runner.scaler.state_dict()):
            raise CheckpointError(
                f"{path}: its 'scaler' is {short(content['scaler'])}, not the state of a gradient scaler (fp16)"
            )
        runner.scaler.load_state_dict(content["scaler"])
    for name, state in content["hooks"].items():
        if name in runner.hooks and state:
            try:
                runner.hooks[name].load_state_dict(state)
            except CheckpointError as error:
                raise CheckpointError(f"{path}: hooks.{name}: {error}") from error
    runner.step = content["step"]
    runner.draws = content.get("draws", runner.step * runner.batch_size)
    runner.scored_step = content.get("scored_step", runner.step)  # older versions saved a step after its evaluation
    runner.skipped = content.get("skipped", 0)
    runner.log(f"resumed from {path} at step {runner.step}")
    before, now = (with_new_names(config) for config in (content.get("config"), runner.description.get("config")))
    for change in changes(before, now):
        runner.log(f"changed since that checkpoint: {change}")
    tell_precision(runner, content.get("precision"))
    restore_plan(runner, path, content.get("planned_steps"), before, now)
    if runner.step >= runner.max_steps and not runner.pace.budget.is_limited:
        runner.log(f"nothing left to train: {runner.step} of {runner.max_steps} steps are done")


def tell_precision(runner: Runner, before: Any) -> None:
    """ "auto" may be another precision on another machine."""
    now = runner.description.get("precision")
    if None not in (before, now) and before != now:
        runner.log(
            f"precision: the checkpoint was trained in {short(before)}, this run goes on in {now};"
            " train.precision fixes it"
        )


def restore_plan(runner: Runner, path: Path, planned: Any, before: Any, now: Any) -> None:
    """Go on with the number of steps that --time chose, unless this run has a --time or another length."""
    lengths = [(config or {}).get("train", {}) for config in (before, now)]
    is_same = all(lengths[0].get(name) == lengths[1].get(name) for name in ("max_steps", "max_epochs"))
    if planned is None or runner.pace.budget.is_limited or not is_same:
        return
    if type(planned) is not int or planned < 1:
        raise CheckpointError(f"{path}: its 'planned_steps' is {short(planned)}, not a number of steps")
    runner.max_steps = runner.planned_steps = planned
    runner.log(f"the run has {planned} steps, which --time chose")


def is_scaler_state(state: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Whether a state has the names and types of the scaler's own state."""
    return state.keys() == own.keys() and all(type(value) is type(own[name]) for name, value in state.items())
