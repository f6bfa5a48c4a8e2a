"""A whole data set, checked: its splits, their numbers, their problems."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import Colour, SegDataset
from segbox.data.datasets.folder import DeepImages, FolderDataset
from segbox.data.datasets.pairs import MissingPairs
from segbox.data.datasets.wrapper import unwrap
from segbox.data.loader import build_dataset
from segbox.data.statistics import OnProgress
from segbox.doctor.examine import Scan, scan
from segbox.doctor.file_problems import file_problems
from segbox.doctor.label_problems import label_problems
from segbox.doctor.pairing_problems import duplicates_between, duplicates_within, missing_partners
from segbox.doctor.problem import Problem
from segbox.doctor.summary import Split, numbers_of
from segbox.doctor.unit_problems import unit_problems
from segbox.errors import ConfigError, DataError

LENIENT = ("FolderDataset",)  # types that can leave out what has no partner


@dataclass
class Report:
    """What a check found. `scans` keeps what was read, for pictures."""

    title: str
    classes: tuple[str, ...] = ()
    palette: list[Colour] = field(default_factory=list)
    splits: dict[str, Split] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    scans: dict[str, Scan] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.is_note]

    @property
    def notes(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_note]


def check(
    title: str,
    configs: Mapping[str, Mapping],
    workers: int = 0,
    on_progress: OnProgress | None = None,
    model: Mapping[str, Any] | None = None,
) -> Report:
    """Check the data sets of these configs (split -> config), all of them to the end. A missing folder is an error.

    `model` is the config of the model that is to see them, whose mean and std must fit.
    """
    report = Report(title)
    datasets = {}
    for name, config in configs.items():
        dataset = _build(config, f"data.{name}", report, name)
        if dataset is not None:
            datasets[name] = dataset
    _check_agreement(datasets)
    steps = Steps(sum(len(dataset) for dataset in datasets.values()), on_progress)
    for name, dataset in datasets.items():
        found = scan(dataset, workers, steps)
        steps.add(len(dataset))
        add_split(report, name, found)
    if model is not None:
        first = list(report.splits.values())[:1]
        report.problems += [p for split in first for p in unit_problems(split, model.get("mean"), model.get("std"))]
    report.problems += duplicates_between(report.scans)
    return report


def add_split(report: Report, name: str, found: Scan) -> None:
    dataset = found.dataset
    report.classes, report.palette = tuple(dataset.classes), list(dataset.palette)
    report.scans[name] = found
    report.splits[name] = numbers_of(name, found, len(dataset.classes))
    inside = [unwrap(dataset, place)[0] for place in found.places]
    for folder in {id(inner): inner for inner in inside if isinstance(inner, FolderDataset)}.values():
        report.problems += missing_partners(name, *folder.missing)
    report.problems += file_problems(name, found)
    report.problems += label_problems(name, found, dataset.classes)
    report.problems += duplicates_within(name, found)


def _build(config: Mapping, path: str, report: Report, name: str, bits: int | None = None) -> SegDataset | None:
    """The data set, built so that its defects are found here and not there; None where nothing can be looked at."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what has no partner is a finding, told below
            return build_dataset(lenient(config, bits), path)
    except DataError as error:
        deep = _first(error, lambda own: isinstance(own, DeepImages) and own.bits)
        missing = _first(error, lambda own: isinstance(own, MissingPairs) and (own.no_image or own.no_mask))
        if deep is not None:
            report.problems.append(_without_bits(name, deep.bits))
            return _build(config, path, report, name, deep.bits)
        if missing is None:
            raise
        report.problems += missing_partners(name, missing.no_image, missing.no_mask)
        report.problems.append(Problem("not looked at", name, f"the rest of {name!r} was not looked at", str(error)))
        return None


def _without_bits(name: str, bits: int) -> Problem:
    return Problem(
        "deep images",
        name,
        f"the images have {bits} bits per channel, and the data set does not say how to read them",
        f"bits={bits} keeps their values, and model.mean and model.std must be in the same units, as those above;"
        " bits=8 cuts them down to bytes.",
    )


def lenient(config: Any, bits: int | None = None) -> Any:
    """A data set's config, in wrappers too, that is built whatever its files are like; `bits` where it says none."""
    if isinstance(config, list | tuple):
        return [lenient(item, bits) for item in config]
    if not isinstance(config, Mapping):
        return config
    inside = ("dataset", "datasets")
    config = {key: lenient(value, bits) if key in inside else value for key, value in config.items()}
    if config.get("type") in LENIENT:
        config["allow_missing"] = True
        if bits is not None and config.get("bits") is None:
            config["bits"] = bits
        label_map = config.get("label_map") or {}
        if isinstance(label_map, Mapping):
            config["label_map"] = {IGNORE_INDEX: IGNORE_INDEX, **label_map}  # masks of 0 and 255: told here, not there
    return config


def _first(error: BaseException | None, is_meant: Callable[[BaseException], Any]) -> Any:
    """Of an error that has gathered the places it came through, and those that caused it; None where none is meant."""
    while error is not None and not is_meant(error):
        error = error.__cause__
    return error


def _check_agreement(datasets: Mapping[str, SegDataset]) -> None:
    names = list(datasets)
    for other in names[1:]:
        one, two = datasets[names[0]].classes, datasets[other].classes
        if tuple(one) != tuple(two):
            raise ConfigError(f"data.{other} has other classes than data.{names[0]}: {two} and {one}")


class Steps:
    """One bar over several scans."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self.total = total
        self.on_progress = on_progress
        self.done = 0

    def add(self, count: int) -> None:
        self.done += count

    def __call__(self, done: int, _: int) -> None:
        if self.on_progress is not None:
            self.on_progress(self.done + done, self.total)


# --- for programs ----------------------------------------------------------------------------------------------------


def as_json(report: Report, weights: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Everything but the pictures, in plain values."""
    return {
        "title": report.title,
        "classes": list(report.classes),
        "splits": {name: _split_as_json(split, report.classes) for name, split in report.splits.items()},
        "class_weights": {name: [round(float(w), 6) for w in values] for name, values in weights.items()},
        "problems": [_problem_as_json(problem) for problem in report.errors],
        "notes": [_problem_as_json(problem) for problem in report.notes],
    }


def _split_as_json(split: Split, classes: Sequence[str]) -> dict[str, Any]:
    share = shares(split)
    return {
        "images": split.images,
        "files": split.files,
        "sizes": {f"{height}x{width}": n for (height, width), n in split.sizes.most_common()},
        "channels": {str(key): n for key, n in split.channels.most_common()},
        "bits": {str(key): n for key, n in split.bits.most_common()},
        "largest": split.largest,
        "mean": np.round(split.mean, 4).tolist(),
        "std": np.round(split.std, 4).tolist(),
        "ignored_pixels": split.ignored,
        "classes": [
            {"id": i, "name": name, "pixels": int(split.pixels[i]), "share": float(share[i])}
            | {"images": int(split.images_with[i])}
            for i, name in enumerate(classes)
        ],
    }


def shares(split: Split) -> np.ndarray:
    """Of each class in the labelled pixels."""
    return split.pixels / max(split.labelled, 1)


def _problem_as_json(problem: Problem) -> dict[str, Any]:
    details = problem.details or [""] * len(problem.files)
    return {
        "kind": problem.kind,
        "split": problem.split,
        "message": problem.message,
        "advice": problem.advice,
        "count": len(problem.files),
        "files": [{"file": file, "detail": detail} for file, detail in zip(problem.files, details)],
    }
