"""All that is wrong with a config, told at once, before one of its files is opened or a folder is made."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

from segbox.arguments import Check
from segbox.class_weights import check_rule, with_class_weights
from segbox.data.loader import classes_without_files
from segbox.engine.runner import steps_of
from segbox.engine.settings import DataSettings, Sections, check_seed
from segbox.errors import ConfigError, did_you_mean
from segbox.literals import as_plain
from segbox.models.complexity import build_without_data
from segbox.registry import call, each, import_extensions, mistakes_of, refuse

TRIED_CLASSES = 2  # where only the data set's files say how many there are


def check_config(config: Mapping, *needed: str) -> None:
    """Refuse a config with any mistake that is seen without its files, or without one of the sections `needed`.

    Names, kinds and values of all arguments at every depth are checked by the signatures of what they build. What opens
    no files is built as well, to be thrown away: hooks, transforms, losses, the model without its memory. What parts
    from outside the package do is not known, so they are not built here. The config's `imports` come first.
    """
    each(partial(as_plain, value, str(name)) for name, value in config.items())
    import_extensions(config.get("imports", ()))
    missing = [
        f"the config has no section {name!r}.{did_you_mean(name, config)}" for name in needed if name not in config
    ]
    wrong = Check().arguments(Sections, config, "")
    sound = {name for name in config if not any(line.startswith((f"{name}:", f"{name}.")) for line in wrong)}
    num_classes = None
    with nullcontext() if {"data", "model"} & config.keys() <= sound else suppress(Exception):  # wrong, and told below
        num_classes = known_classes(config)
    weighed, wrong_rules = without_rules(config)
    check = Check({} if num_classes is None else {"num_classes": num_classes}, tries=True)
    wrong = check.arguments(Sections, weighed, "")
    trials = [partial(check_seed, config["seed"])] if "seed" in sound else []
    if "train" in needed and {"data", "train"} <= sound:
        trials.append(partial(try_steps, config))
    if "model" in sound and not any(path.startswith("model") for path in check.outside):
        trials.append(partial(try_model, weighed["model"], num_classes))
    mistakes = list(dict.fromkeys([*missing, *wrong_rules, *wrong, *mistakes_of(trials)]))
    refuse(["the config has several mistakes:"] * (len(mistakes) > 1) + mistakes)


def known_classes(config: Mapping) -> int | None:
    """How many there are, if the config or its data set's type says it."""
    data = config.get("data", {})
    own = config.get("model", {}).get("num_classes")
    classes = classes_without_files(data.get("train") or data.get("val"))
    if not isinstance(classes, Sequence) or not classes:
        return own
    return len(classes)


def without_rules(config: Mapping) -> tuple[Mapping, list[str]]:
    """The config with no weights in the place of those that only the data's labels say; and rules that do not exist."""
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
    call(steps_of, counts, "train", images=batch_size * 2**20, batch_size=batch_size)


def try_model(config: Mapping, num_classes: int | None) -> None:
    """Its parts together, without memory and without a download. Losses have been tried by themselves."""
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
