"""What a checkpoint holds of a run, and how a run takes it up again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbox import __version__
from segbox.differences import changes
from segbox.engine.optim import load_optimizer_state, optimizer_state
from segbox.engine.sharding import divided
from segbox.errors import CheckpointError, short
from segbox.weights.loading import load_weights, refuse_spoilt

if TYPE_CHECKING:
    from segbox.engine.runner import Runner


def state_of(runner: Runner) -> dict[str, Any]:
    """All that a resumed run and a later user of the weights need, in tensors and plain values."""
    averaged = {} if runner.averaged_model is None else {"ema": runner.averaged_model.state_dict()}
    return {
        "step": runner.step,
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


def put_back(runner: Runner, path: Path, content: Mapping[str, Any]) -> None:
    """The run goes on from the content of a checkpoint; `path` is for messages."""
    for part in ("model", "ema"):
        refuse_spoilt(runner.model, content.get(part, {}), path)
    load_weights(runner.model, divided(content["model"], runner.model), path)
    try:
        load_optimizer_state(runner.optimizer, runner.model, divided(content["optimizer"], runner.model))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    runner.resumed_average = content.get("ema")
    if runner.scaler.is_enabled() and content.get("scaler"):
        if not is_of_scaler(content["scaler"], runner.scaler.state_dict()):
            raise CheckpointError(f"{path}: its 'scaler' is {short(content['scaler'])}, which is none of a run in fp16")
        runner.scaler.load_state_dict(content["scaler"])
    for name, state in content["hooks"].items():
        if name in runner.hooks and state:
            try:
                runner.hooks[name].load_state_dict(state)
            except CheckpointError as error:
                raise CheckpointError(f"{path}: hooks.{name}: {error}") from error
    runner.step = content["step"]
    runner.draws = content.get("draws", runner.step * runner.batch_size)
    runner.scored_step = content.get("scored_step", runner.step)  # older versions saved a step after evaluating it
    runner.skipped = content.get("skipped", 0)
    runner.log(f"resumed from {path} at step {runner.step}")
    for change in changes(content.get("config"), runner.description.get("config")):
        runner.log(f"changed since that checkpoint: {change}")
    if runner.step >= runner.max_steps:
        runner.log(f"there is nothing left to train: {runner.step} of {runner.max_steps} steps are done")


def is_of_scaler(state: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Numbers by the same names."""
    return state.keys() == own.keys() and all(type(value) is type(own[name]) for name, value in state.items())
