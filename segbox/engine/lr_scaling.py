"""Scales the learning rate with the batch size (--scale-lr), and warns where only one of them was changed."""

from dataclasses import dataclass
from pathlib import Path

from segbox import distributed
from segbox.config import Config, Origins, stated_value, value_at
from segbox.config_merge import COMMAND_LINE
from segbox.engine.settings import DataSettings
from segbox.errors import ConfigError
from segbox.registry import check_type

BATCH, RATE, FLOOR = "data.batch_size", "optimizer.lr", "hooks.lr_schedule.min_lr"


@dataclass(frozen=True)
class BaseRate:
    """A learning rate and the batch size it is for: the images of one step over all processes."""

    batch_size: int
    lr: float | None

    @classmethod
    def of_file(cls, path: str | Path) -> "BaseRate":
        """The values of the config file, before overrides of the command line."""
        batch_size = stated_value(path, BATCH) or DataSettings.batch_size
        check_type(batch_size, int, f"{path}: {BATCH}")
        return cls(batch_size, stated_value(path, RATE))

    @classmethod
    def of_run(cls, config: Config) -> "BaseRate":
        return cls(value_at(config, BATCH) or DataSettings.batch_size, value_at(config, RATE))


def scale_rate(config: Config, origins: Origins, base: BaseRate) -> str:
    """Scale lr (and min_lr) in `config` linearly with the batch size. Returns a line for the log."""
    run = BaseRate.of_run(config)
    if is_rate_given(run, origins, base):
        raise ConfigError(
            f"--scale-lr scales the config file's {RATE} ({base.lr}); the command line gives {run.lr}. Leave one out"
        )
    check_type(run.lr, float, RATE)
    check_type(run.batch_size, int, BATCH)
    if run.batch_size == base.batch_size:
        return f"lr stays {run.lr:g}: {run.batch_size} images a step, as in the config file"
    factor = run.batch_size / base.batch_size
    config.optimizer.lr = run.lr * factor
    line = f"lr {run.lr:g} -> {config.optimizer.lr:g}"
    floor = value_at(config, FLOOR)
    if floor and not is_given(FLOOR, origins):
        config.hooks.lr_schedule.min_lr = floor * factor
        line += f" (min_lr {floor:g} -> {config.hooks.lr_schedule.min_lr:g})"
    return f"{line}: {run.batch_size} images a step where the config file has {base.batch_size}"


def warn_of_rate(config: Config, origins: Origins, base: BaseRate) -> str:
    """A warning if the batch size was changed and the learning rate was not; else an empty string."""
    run = BaseRate.of_run(config)
    if run.batch_size == base.batch_size or is_rate_given(run, origins, base):
        return ""
    scaled = run.lr * run.batch_size / base.batch_size
    return (
        f"warning: lr {run.lr:g} is for {base.batch_size} images a step, and this run has {run.batch_size};"
        f" --scale-lr makes it {scaled:g}, optimizer.lr=... sets it"
    )


def is_rate_given(run: BaseRate, origins: Origins, base: BaseRate) -> bool:
    """Whether the command line sets the rate, even to the same value."""
    return run.lr != base.lr or is_given(RATE, origins)


def is_given(name: str, origins: Origins) -> bool:
    return origins.get(tuple(name.split(".")), "").startswith(COMMAND_LINE)


def describe_batch(batch_size: int, gradient_accumulation_steps: int, base: BaseRate) -> str:
    """A line for the log: how the images of a step are divided, and what the config file's lr is for."""
    processes = distributed.world_size()
    images = batch_size // (processes * gradient_accumulation_steps)
    return (
        f"{batch_size} images a step: {processes} process(es) x {images} image(s) x"
        f" {gradient_accumulation_steps} accumulated part(s); the config file's lr {base.lr} is for {base.batch_size}"
    )
