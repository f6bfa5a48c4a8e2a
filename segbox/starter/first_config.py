"""The first config for a folder: what is known of the data and of the machine, the choice, the text."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from segbox.config import SHIPPED, Config, load_config
from segbox.engine.devices import choose_device
from segbox.errors import ConfigError
from segbox.machine import cores
from segbox.outputs import write_text
from segbox.starter.config_text import Parts, config_text
from segbox.starter.guess import guess
from segbox.starter.plan import LIMITS, Measure, Plan, choose
from segbox.starter.recipes import Recipe, recipes_for
from segbox.starter.setup import Measured, Setup, setups_for
from segbox.starter.split import Lists, write_lists
from segbox.starter.start import Start, fitting, with_note
from segbox.starter.summary import summary
from segbox.starter.trial import Stopwatch

TRIAL_STEPS = 10_000
WITHOUT_FLIP = ("speed",)


@dataclass(frozen=True)
class Wishes:
    """What the user asks for. `budget` is in seconds; None: a length that is good for a first model."""

    budget: float | None
    purpose: str
    model: str | None
    start: Start
    device: torch.device
    is_measured: bool = True


def first_config(
    parts: Parts, names: Lists, wishes: Wishes, path_of_base: Callable[[str], str], commands: Sequence[str]
) -> tuple[str, str]:
    """The text of the config, and the lines that say what was chosen.

    `names` are those of the lists of a random split, {} if the folder has its own; `commands` stand in the docstring.
    """
    device, facts = wishes.device, parts.facts
    parts = replace(parts, device_type=device.type, flips=wishes.purpose not in WITHOUT_FLIP)
    recipes = fitting(recipes_for(wishes.purpose, wishes.model), wishes.start, facts.channels)
    setups = setups_for(recipes, facts, device.type)
    with tempfile.TemporaryDirectory() as place:
        measure = measure_with(parts, names, device, wishes.is_measured, Path(place))
        plan = choose(setups, facts.train_images, wishes.budget, device.type, measure)
    parts = replace(parts, start=with_note(wishes.start, plan.setup.recipe))
    lines = summary(plan, facts, parts.start, wishes.purpose, recipes)
    bases = [path_of_base(base) for base in bases_of(plan.setup.recipe)]
    opening = "".join(f"    {command}\n" for command in commands)
    return config_text(parts, bases, plan, f"{opening}\n{lines}"), lines


def device_to_measure(name: str | None) -> torch.device:
    device = choose_device(name)
    if device.type not in LIMITS:
        raise ConfigError(f"--device {name}: steps are measured on cpu and cuda; give one of these")
    return device


def bases_of(recipe: Recipe) -> list[str]:
    return [f"models/{recipe.model}.py", f"schedules/{recipe.schedule}.py"]


def measure_with(parts: Parts, names: Lists, device: torch.device, is_measured: bool, place: Path) -> Measure:
    """The function that measures a setup with steps of its config, or guesses."""
    if is_measured and parts.folder.report.errors:
        print("\nThe data has problems, so no steps were timed; the times below are guesses.")
    if not is_measured or parts.folder.report.errors:
        return lambda setup, worth: guess(setup, parts.facts, device.type)
    trial = trial_parts(parts, names, place)

    def config_of(setup: Setup) -> Config:
        bases = [f"{SHIPPED}_base_/{base}" for base in bases_of(setup.recipe)]
        write_text(place / "trial.py", config_text(trial, bases, for_trial(setup), ""))
        return load_config(place / "trial.py")

    where = f"{cores()} CPU core(s)" if device.type == "cpu" else torch.cuda.get_device_name(device)
    print(f"\nTiming training steps on {where}, from random weights (nothing is downloaded):", flush=True)
    return Stopwatch(config_of, device, partial(print, flush=True))


def trial_parts(parts: Parts, names: Lists, place: Path) -> Parts:
    """The same data, with lists of a random split in a folder of the trial: those of the user are not written yet."""
    if not names:
        return parts
    lists = {split: f"{split}.txt" for split in names}
    write_lists(names, {split: place / name for split, name in lists.items()})
    splits = {
        split: {key: value for key, value in own.items() if key != "split_file"} for split, own in parts.splits.items()
    }
    return replace(parts, splits=splits, lists=lists)


def for_trial(setup: Setup) -> Plan:
    """A plan of any length."""
    return Plan(Measured(setup, 1.0, 1.0, 1.0), TRIAL_STEPS, 1, 1.0, is_limited=True)
