"""Checks a whole config before any file is opened, and reports all mistakes at once."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

from segbox.arguments import Check
from segbox.class_weights import check_rule, with_class_weights
from segbox.data.loader import classes_without_files
from segbox.engine.settings import DataSettings, Sections, check_seed, total_steps
from segbox.errors import ConfigError, did_you_mean
from segbox.literals import as_plain
from segbox.models.complexity import build_without_data
from segbox.registry import call, each, import_extensions, mistakes_of, refuse

TRIED_CLASSES = 2  # if only the data set's files say the number of classes


def check_config(config: Mapping, *needed: str) -> None:
    """Raise ConfigError with all mistakes that show without the config's files; `needed` are sections it must have.

    Names, types and values of all arguments are checked against the signatures of their builders. Parts that open no
    files are also built once and discarded: hooks, transforms, losses, the model on the meta device. Parts from outside
    the package may have side effects and are not built. The config's `imports` are imported first.
    """
    each(partial(as_plain, value, str(name)) for name, value in config.items())
    import_extensions(config.get("imports", ()))
    missing = [
        f"the config has no section {name!r}.{did_you_mean(name, config)}"
        for name in needed
        if config.get(name) is None
    ]
    wrong = Check().arguments(Sections, config, "")
    sound = {name for name in config if not any(line.startswith((f"{name}:", f"{name}.")) for line in wrong)}
    num_classes = None
    with (
        nullcontext() if {"data", "model"} & config.keys() <= sound else suppress(Exception)
    ):  # its mistakes are reported below
        num_classes = known_classes(config)
    weighed, wrong_rules = without_rules(config)
    check = Check({} if num_classes is None else {"num_classes": num_classes}, tries=True)
    wrong = check.arguments(Sections, weighed, "")
    trials = [partial(check_seed, config["seed"])] if "seed" in sound else []
    if "train" in needed and {"data", "train"} <= sound:
        trials.append(partial(try_steps, config))
    if (
        "model" in sound
        and weighed["model"] is not None
        and not any(path.startswith("model") for path in check.outside)
    ):
        trials.append(partial(try_model, weighed["model"], num_classes))
    mistakes = list(dict.fromkeys([*missing, *wrong_rules, *wrong, *mistakes_of(trials)]))
    refuse(["the config has several mistakes:"] * (len(mistakes) > 1) + mistakes)


def known_classes(config: Mapping) -> int | None:
    """The number of classes, if the config or the type of its data set says it."""
    data = config.get("data", {})
    own = config.get("model", {}).get("num_classes")
    classes = classes_without_files(data.get("train") or data.get("val"))
    if not isinstance(classes, Sequence) or not classes:
        return own
    return len(classes)


def without_rules(config: Mapping) -> tuple[Mapping, list[str]]:
    """The config without class weights that need the labels, and messages for unknown rules."""
    model = config.get("model")
    if not isinstance(model, Mapping):
        return config, []
    try:
        with_class_weights(model, check_rule)
    except ConfigError as error:
        return {**config, "model": with_class_weights(model, lambda rule: None)}, [str(error)]
    return {**config, "model": with_class_weights(model, lambda rule: None)}, []


def try_steps(config: Mapping) -> None:
    counts = {name: config["train"].get(name) for name in ("max_steps", "max_epochs")}
    batch_size = config.get("data", {}).get("batch_size", DataSettings.batch_size)
    call(total_steps, counts, "train", images=batch_size * 2**20, batch_size=batch_size)


def try_model(config: Mapping, num_classes: int | None) -> None:
    """Build the model on the meta device, without downloads. Losses are checked on their own before."""
    heads = {name: _without_losses(config[name]) for name in ("decode_head", "auxiliary_head") if name in config}
    build_without_data({**config, **heads}, num_classes or TRIED_CLASSES)


def _without_losses(heads: Any) -> Any:
    if isinstance(heads, list | tuple):
        return [_without_losses(head) for head in heads]
    return (
        {key: value for key, value in heads.items() if key != "loss" or not value}
        if isinstance(heads, Mapping)
        else heads
    )
