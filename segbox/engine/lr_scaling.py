"""The learning rate and the batch that belong together: what a config file states, and what a run makes of it."""

from dataclasses import dataclass
from pathlib import Path

from segbox import distributed
from segbox.config import COMMAND_LINE, Config, Origins, stated_value, value_at
from segbox.engine.settings import DataSettings
from segbox.errors import ConfigError
from segbox.registry import check_type

BATCH, RATE, FLOOR = "data.batch_size", "optimizer.lr", "hooks.lr.min_lr"


@dataclass(frozen=True)
class Recipe:
    """A learning rate, and the images of a step that it is for: over all processes and accumulated parts."""

    batch_size: int
    lr: float | None

    @classmethod
    def of_file(cls, path: str | Path) -> "Recipe":
        """As the config file states it, before the command line changes anything."""
        batch_size = stated_value(path, BATCH) or DataSettings.batch_size
        check_type(batch_size, int, f"{path}: {BATCH}")
        return cls(batch_size, stated_value(path, RATE))

    @classmethod
    def of_run(cls, config: Config) -> "Recipe":
        return cls(value_at(config, BATCH) or DataSettings.batch_size, value_at(config, RATE))


def scale_rate(config: Config, origins: Origins, recipe: Recipe) -> str:
    """Make the rate (and what it falls to) as many times smaller or larger as the batch; what was done, in words."""
    run = Recipe.of_run(config)
    if is_rate_given(run, origins, recipe):
        raise ConfigError(
            f"--scale-lr scales the recipe's own {RATE} ({recipe.lr}); the command line gives {run.lr}. Leave one out"
        )
    check_type(run.lr, float, RATE)
    check_type(run.batch_size, int, BATCH)
    if run.batch_size == recipe.batch_size:
        return f"lr stays {run.lr:g}: {run.batch_size} images a step, as in the recipe"
    factor = run.batch_size / recipe.batch_size
    config.optimizer.lr = run.lr * factor
    told = f"lr {run.lr:g} -> {config.optimizer.lr:g}"
    floor = value_at(config, FLOOR)
    if floor and not is_given(FLOOR, origins):
        config.hooks.lr.min_lr = floor * factor
        told += f" (min_lr {floor:g} -> {config.hooks.lr.min_lr:g})"
    return f"{told}: {run.batch_size} images a step where the recipe has {recipe.batch_size}"


def warn_of_rate(config: Config, origins: Origins, recipe: Recipe) -> str:
    """A line for the run whose batch was changed without its rate; nothing for the others."""
    run = Recipe.of_run(config)
    if run.batch_size == recipe.batch_size or is_rate_given(run, origins, recipe):
        return ""
    scaled = run.lr * run.batch_size / recipe.batch_size
    return (
        f"warning: lr {run.lr:g} is for {recipe.batch_size} images a step, and this run has {run.batch_size};"
        f" --scale-lr makes it {scaled:g}, optimizer.lr=... sets it"
    )


def is_rate_given(run: Recipe, origins: Origins, recipe: Recipe) -> bool:
    """Whether the command line sets the rate, be it to what it was."""
    return run.lr != recipe.lr or is_given(RATE, origins)


def is_given(name: str, origins: Origins) -> bool:
    return origins.get(tuple(name.split(".")), "").startswith(COMMAND_LINE)


def describe_batch(batch_size: int, accumulate: int, recipe: Recipe) -> str:
    """The images of a step and who works on them, beside what the recipe expects."""
    processes = distributed.world_size()
    images = batch_size // (processes * accumulate)
    return (
        f"{batch_size} images a step: {processes} process(es) x {images} image(s) x {accumulate} accumulated part(s);"
        f" the recipe expects {recipe.batch_size} for its lr {recipe.lr}"
    )
