"""Settings of a config that do not change its run: each is told in the first lines, with the reason."""

from collections.abc import Iterator, Mapping
from typing import Any

from segbox.arguments import is_own, parameters_of
from segbox.engine.hooks.checkpoint import Checkpoint
from segbox.engine.hooks.early_stopping import EarlyStopping
from segbox.engine.hooks.evaluate import Evaluate
from segbox.engine.hooks.hook import Hook
from segbox.engine.hooks.lr_schedule import Schedule
from segbox.engine.settings import DataSettings, TrainSettings
from segbox.evaluation.inference import build_inference
from segbox.registry import HOOKS

BUILDERS = {"test": build_inference, "train": TrainSettings, "data": DataSettings}


def settings_without_effect(config: Mapping) -> list[str]:
    """A line for each setting that is not the default and that another setting makes void."""
    checks = (_of_test, _of_train, _of_data, _of_model, _of_optimizer)
    return [f"{name} has no effect: {why}" for check in checks for name, why in check(config)]


def lengths_without_effect(hooks: Mapping[str, Hook], max_steps: int) -> list[str]:
    """A line for each hook's setting that a run of so many steps is too short for."""
    return [f"hooks.{name}.{line}" for name, hook in hooks.items() for line in _of_length(hook, hooks, max_steps)]


def _of_test(config: Mapping) -> Iterator[tuple[str, str]]:
    mode = config.get("test", {}).get("mode", "whole")
    for name, modes in (("window", ("slide", "crop")), ("stride", ("slide",)), ("windows_per_batch", ("slide",))):
        if _is_set(config, "test", name) and mode not in modes:
            yield f"test.{name}", f'test.mode="{mode}" has no windows; test.mode="slide" has'
    if _is_set(config, "test", "base_size") and not _is_set(config, "test", "scales"):
        yield "test.base_size", "test.scales has the scale 1 alone"


def _of_train(config: Mapping) -> Iterator[tuple[str, str]]:
    if _is_set(config, "train", "max_skips") and not _is_set(config, "train", "on_nan"):
        yield "train.max_skips", 'train.on_nan="stop" skips no step; "skip" does'


def _of_data(config: Mapping) -> Iterator[tuple[str, str]]:
    data, hooks = config["data"], config.get("hooks", {})
    if data.get("val") is None:
        if _is_set(config, "data", "val_batch_size"):
            yield "data.val_batch_size", "the config has no data.val"
    elif not any(_may_evaluate(hook) for hook in hooks.values() if hook is not None):
        yield "data.val", "no hook evaluates the model; hooks.evaluate=dict(type='Evaluate', interval=1000) does"


def _may_evaluate(hook: Mapping) -> bool:
    builder = HOOKS.get(hook["type"])
    return builder is Evaluate or not is_own(builder)


def _of_model(config: Mapping) -> Iterator[tuple[str, str]]:
    model = config["model"]
    if model.get("freeze_backbone") and model.get("freeze_stages"):
        yield "model.freeze_stages", "model.freeze_backbone=True freezes all of them"
    if model.get("backbone_weights") is not None and model.get("backbone", {}).get("pretrained"):
        yield "model.backbone.pretrained", "model.backbone_weights replaces all weights of the backbone"


def _of_optimizer(config: Mapping) -> Iterator[tuple[str, str]]:
    optimizer = config["optimizer"]
    rules = (optimizer.get("rules") or {}).values()
    if optimizer.get("weight_decay") or any(rule.get("weight_decay") for rule in rules):
        return
    for name in ("decay_norms", "decay_biases", "decay_embeddings"):
        if optimizer.get(name) is False:
            yield f"optimizer.{name}", "optimizer.weight_decay is 0"


def _of_length(hook: Hook, hooks: Mapping[str, Hook], max_steps: int) -> Iterator[str]:
    if isinstance(hook, Schedule):
        warm_ups = {name: getattr(hook, name) or 0 for name in ("warmup_steps", "backbone_warmup_steps")}
        if 0 < max_steps <= sum(warm_ups.values()):
            told = ", ".join(f"{name}={steps}" for name, steps in warm_ups.items() if steps)
            yield f"{told}: the run of {max_steps} steps ends before the rate has reached its lr"
    if isinstance(hook, Evaluate) and hook.interval > max_steps:
        yield f"interval={hook.interval} has no effect: the run of {max_steps} steps is evaluated once, at its end"
    if isinstance(hook, Checkpoint) and hook.interval > max_steps:
        yield f"interval={hook.interval} has no effect: the run of {max_steps} steps is saved once, at its end"
    intervals = [own.interval for own in hooks.values() if isinstance(own, Evaluate)]
    count = -(-max_steps // min(intervals, default=1))
    if isinstance(hook, EarlyStopping) and intervals and hook.patience >= count:
        yield f"patience={hook.patience} has no effect: the run has {count} evaluation(s)"


def _is_set(config: Mapping, section: str, name: str) -> bool:
    """Whether the config gives another value than the default."""
    default = parameters_of(BUILDERS[section])[name].default
    return _plain(config.get(section, {}).get(name, default)) != _plain(default)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
