"""Check the data sets of a config: read all files, collect statistics and problems."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import DeepImages, FolderDataset
from segbox.data.datasets.pairs import MissingPairs
from segbox.data.datasets.wrapper import unwrap
from segbox.data.loader import build_dataset
from segbox.data.statistics import OnProgress
from segbox.doctor.file_problems import file_problems
from segbox.doctor.label_problems import label_problems
from segbox.doctor.mean_std_problems import mean_std_problems
from segbox.doctor.pairing_problems import duplicates_between, duplicates_within, missing_partners
from segbox.doctor.problem import Problem
from segbox.doctor.report import Report
from segbox.doctor.scan import Scan, scan
from segbox.doctor.summary import summarize_split
from segbox.errors import ConfigError, DataError

TOLERANT = ("FolderDataset",)  # types that have `allow_missing`


def check_datasets(
    title: str,
    configs: Mapping[str, Mapping],
    workers: int = 0,
    on_progress: OnProgress | None = None,
    model: Mapping[str, Any] | None = None,
) -> Report:
    """Check the data sets of these configs (split -> config), without stopping at a problem.

    A missing folder raises DataError. `model` is a model's config, whose mean and std are compared with the images'.
    """
    report = Report(title)
    datasets = {}
    for name, config in configs.items():
        dataset = _build(config, f"data.{name}", report, name)
        if dataset is not None:
            datasets[name] = dataset
    _check_agreement(datasets)
    steps = ScanProgress(sum(len(dataset) for dataset in datasets.values()), on_progress)
    for name, dataset in datasets.items():
        found = scan(dataset, workers, steps)
        steps.add(len(dataset))
        add_split(report, name, found)
    if model is not None:
        first = list(report.splits.values())[:1]
        report.problems += [p for split in first for p in mean_std_problems(split, model.get("mean"), model.get("std"))]
    report.problems += duplicates_between(report.scans)
    return report


def add_split(report: Report, name: str, found: Scan) -> None:
    dataset = found.dataset
    report.classes, report.palette = tuple(dataset.classes), list(dataset.palette)
    report.scans[name] = found
    report.splits[name] = summarize_split(name, found, len(dataset.classes))
    inside = [unwrap(dataset, index)[0] for index in found.indices]
    for folder in {id(inner): inner for inner in inside if isinstance(inner, FolderDataset)}.values():
        report.problems += missing_partners(name, *folder.missing)
    report.problems += file_problems(name, found)
    report.problems += label_problems(name, found, dataset.classes)
    report.problems += duplicates_within(name, found)


def _build(config: Mapping, path: str, report: Report, name: str, bits: int | None = None) -> SegDataset | None:
    """Build the data set, but report its problems instead of raising them; None if it cannot be read at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files without partner are reported below
            return build_dataset(tolerant_config(config, bits), path)
    except DataError as error:
        deep = _find_cause(error, lambda own: isinstance(own, DeepImages) and own.bits)
        missing = _find_cause(error, lambda own: isinstance(own, MissingPairs) and (own.no_image or own.no_mask))
        if deep is not None:
            report.problems.append(_bits_not_set(name, deep.bits))
            return _build(config, path, report, name, deep.bits)
        if missing is None:
            raise
        report.problems += missing_partners(name, missing.no_image, missing.no_mask)
        report.problems.append(Problem("not looked at", name, f"the rest of {name!r} was not checked", str(error)))
        return None


def _bits_not_set(name: str, bits: int) -> Problem:
    return Problem(
        "deep images",
        name,
        f"the images have {bits} bits per channel, but the data set does not set `bits`",
        f"bits={bits} keeps their values; model.mean and model.std must then be in the same units, as those above."
        " bits=8 reduces them to bytes.",
    )


def tolerant_config(config: Any, bits: int | None = None) -> Any:
    """The config, with problems of its files not raised, also inside wrappers; sets `bits` if it is missing."""
    if isinstance(config, list | tuple):
        return [tolerant_config(item, bits) for item in config]
    if not isinstance(config, Mapping):
        return config
    inside = ("dataset", "datasets")
    config = {key: tolerant_config(value, bits) if key in inside else value for key, value in config.items()}
    if config.get("type") in TOLERANT:
        config["allow_missing"] = True
        if bits is not None and config.get("bits") is None:
            config["bits"] = bits
        label_map = config.get("label_map") or {}
        if isinstance(label_map, Mapping):
            config["label_map"] = {
                IGNORE_INDEX: IGNORE_INDEX,
                **label_map,
            }  # masks of 0 and 255 are reported, not refused
    return config


def _find_cause(error: BaseException | None, is_match: Callable[[BaseException], Any]) -> Any:
    """The first match among an error and its causes, or None."""
    while error is not None and not is_match(error):
        error = error.__cause__
    return error


def _check_agreement(datasets: Mapping[str, SegDataset]) -> None:
    names = list(datasets)
    for other in names[1:]:
        one, two = datasets[names[0]].classes, datasets[other].classes
        if tuple(one) != tuple(two):
            raise ConfigError(f"data.{other} has other classes than data.{names[0]}: {two} and {one}")


class ScanProgress:
    """Adds up the progress of several scans, for one progress bar."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self.total = total
        self.on_progress = on_progress
        self.done = 0

    def add(self, count: int) -> None:
        self.done += count

    def __call__(self, done: int, _: int) -> None:
        if self.on_progress is not None:
            self.on_progress(self.done + done, self.total)
