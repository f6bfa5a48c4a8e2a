"""Arguments of configs that have a new name: the old name is still accepted, and one line tells the new one.

A builder (a class or a function) states the old names of its arguments:

    @renamed(zero_gamma="zero_init_residual")  # old="new"
    @SEGMENTORS.register(name="EncoderDecoder")
    def build_encoder_decoder(..., zero_init_residual: bool = False): ...

    @renamed(accumulate="gradient_accumulation_steps")
    @dataclass
    class TrainSettings: ...

`arguments.Check` and `registry.call` then accept both names, so the code behind them knows the new name alone. To give
both is an error. Code that reads a config's dict without either of them (`config["train"].get(...)`) calls
`current_arguments` first. A config keeps the name that its author wrote, also in a dumped config.py.

Configs are merged before any builder is known, so the names are listed here, too: a config that gives the old name
replaces the value that its base gives by the new one.
"""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from segbox.errors import ConfigError

Builder = TypeVar("Builder", bound=Callable)
logger = logging.getLogger("segbox")
NEW_NAMES = {
    "accumulate": "gradient_accumulation_steps",
    "amp": "precision",
    "unweight": "logit_adjustment",
    "warmup": "warmup_steps",
    "zero_gamma": "zero_init_residual",
}
OLD_NAMES = {new: old for old, new in NEW_NAMES.items()}


def renamed(**new_names: str) -> Callable[[Builder], Builder]:
    """Decorator of a builder: `old="new"` for each argument that has a new name."""

    def mark(builder: Builder) -> Builder:
        builder.renamed_arguments = new_names
        return builder

    return mark


def renamed_arguments(builder: Callable | None) -> Mapping[str, str]:
    """The new name for each old one; nothing for a builder whose arguments have always had their names."""
    return getattr(builder, "renamed_arguments", {})


def current_arguments(arguments: Mapping, path: str, *builders: Callable | None) -> dict[Any, Any]:
    """A config's arguments of the builders under their current names. `path` is where they stand in the config."""
    new_names = {old: new for builder in builders for old, new in renamed_arguments(builder).items()}
    current = {}
    for name, value in arguments.items():
        new = new_names.get(name, name)
        if new != name and new in arguments:
            raise ConfigError(f"{path or 'the config'}: {name!r} is the old name of {new!r}; give {new!r} alone")
        if new != name:
            tell_new_name(f"{path}.{name}" if path else name, new)
        current[new] = value
    return current


@functools.cache  # one line per process, however often a part is checked and built
def tell_new_name(path: str, new: str) -> None:
    logger.warning("%s is now called %r; the old name is still accepted", path, new)


def present_name(name: Any, values: Mapping) -> Any:
    """The name that `values` has for an argument that a config calls `name`: this one, or its old or its new name."""
    other = NEW_NAMES.get(name) or OLD_NAMES.get(name)
    return other if other is not None and other in values and name not in values else name


def with_lr_schedule(config: Mapping) -> Mapping:
    """A config file's values with `hooks.lr` under its new name, `hooks.lr_schedule`, in the same order."""
    hooks = config.get("hooks")
    if not isinstance(hooks, Mapping) or "lr" not in hooks:
        return config
    if "lr_schedule" in hooks:
        raise ConfigError("hooks: 'lr' is the old name of 'lr_schedule'; give 'lr_schedule' alone")
    return {**config, "hooks": {"lr_schedule" if name == "lr" else name: value for name, value in hooks.items()}}


def with_new_names(config: Any) -> Any:
    """A config of an older version, as a checkpoint holds it, with today's names: to compare it with another."""
    if isinstance(config, Mapping):
        return with_lr_schedule({NEW_NAMES.get(key, key): with_new_names(value) for key, value in config.items()})
    return [with_new_names(item) for item in config] if isinstance(config, list) else config
