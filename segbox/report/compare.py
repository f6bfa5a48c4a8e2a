"""Several runs compared: scores and differences with their uncertainty, repeats with other seeds, configs."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from segbox.differences import changes
from segbox.evaluation.matching import matched
from segbox.evaluation.uncertainty import RESAMPLES, Difference, Interval, bootstrap, paired_bootstrap
from segbox.report.compare_runs import Run

FEW_IMAGES = 20


@dataclass(frozen=True)
class Repeats:
    """Runs that differ only in their seed: numbers of the runs, the mean of their mIoU, its standard deviation."""

    runs: Sequence[int]
    mean: float
    deviation: float  # with n - 1


@dataclass(frozen=True)
class Comparison:
    """Runs on the same images. The first one is what the others are compared with: `differences` and `config_changes`
    are theirs, to it."""

    runs: Sequence[Run]
    images: int
    scores: Sequence[Mapping[str, Interval]]
    differences: Sequence[Mapping[str, Difference]]
    repeats: Sequence[Repeats]
    config_changes: Sequence[Sequence[str] | None]  # None where a config is not known
    notes: Sequence[str]

    @property
    def names(self) -> list[str]:
        return [run.name for run in self.runs]

    @property
    def classes(self) -> Sequence[str]:
        return self.runs[0].evaluation.classes


def compare(runs: Sequence[Run], common: bool = False, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    evaluations = matched([run.evaluation for run in runs], [run.name for run in runs], common)
    scores = [bootstrap(own, resamples, seed) for own in evaluations]
    return Comparison(
        runs=runs,
        images=len(evaluations[0].images),
        scores=scores,
        differences=[paired_bootstrap(evaluations[0], own, resamples, seed) for own in evaluations[1:]],
        repeats=repeats_of(runs, [own["mIoU"].value for own in scores]),
        config_changes=[config_changes(runs[0], run) for run in runs[1:]],
        notes=notes_on(runs, len(evaluations[0].images)),
    )


def repeats_of(runs: Sequence[Run], values: Sequence[float]) -> list[Repeats]:
    """The runs of one config, evaluated in one way, each with another seed."""
    groups: list[list[int]] = []
    for i, run in enumerate(runs):
        group = next((own for own in groups if is_repeat(runs[own[0]], run)), None)
        groups.append([i]) if group is None else group.append(i)
    found = []
    for group in groups:
        if len(group) > 1 and len({runs[i].config.get("seed", 0) for i in group}) == len(group):
            own = [values[i] for i in group]
            found.append(Repeats(group, statistics.fmean(own), statistics.stdev(own)))
    return found


def is_repeat(a: Run, b: Run) -> bool:
    if a.config is None or b.config is None or a.evaluation.protocol != b.evaluation.protocol:
        return False
    return without_seed(a.config) == without_seed(b.config)


def without_seed(config: Mapping) -> dict:
    return {key: value for key, value in config.items() if key != "seed"}


def config_changes(a: Run, b: Run) -> list[str] | None:
    return None if a.config is None or b.config is None else changes(a.config, b.config)


def notes_on(runs: Sequence[Run], images: int) -> list[str]:
    """What the reader must know to trust the numbers."""
    notes = []
    first, *others = runs
    for run in others:
        if run.evaluation.protocol != first.evaluation.protocol:
            notes.append(
                f"{first.name} and {run.name} were evaluated in different ways ({first.evaluation.protocol} - and"
                f" {run.evaluation.protocol}); means over classes are taken as in {first.name}"
            )
    used = [len(run.evaluation.images) for run in runs]
    if max(used) > images:
        notes.append(f"only the {images} images that all runs have in common count, of {', '.join(map(str, used))}")
    if images == 1:
        notes.append("one image tells nothing about the uncertainty of a score")
    elif images < FEW_IMAGES:
        notes.append(f"with as few as {images} images, intervals from a bootstrap are too narrow")
    return notes


def verdict(comparison: Comparison, number: int) -> str:
    """Whether a run is better than the first one, in words."""
    own = comparison.differences[number - 1]["mIoU"]
    first, name = comparison.names[0], comparison.names[number]
    if own.low != own.low:
        return f"{name} against {first}: mIoU {signed(own.value)}; how certain that is cannot be computed"
    limits = f"mIoU {signed(own.value)}, 95 % between {signed(own.low)} and {signed(own.high)}"
    if own.is_shown:
        return f"{name} is {'better' if own.value > 0 else 'worse'} than {first}: {limits}"
    return (
        f"no difference between {name} and {first} can be shown on these {comparison.images} images: {limits};"
        f" {name} is better in {100 * own.share:.0f} % of the resamples"
    )


def signed(value: float) -> str:
    return "-" if value != value else f"{round(value, 2) + 0:+.2f}"  # + 0: no -0.00


def repeats_texts(comparison: Comparison) -> Iterator[str]:
    """A sentence per group of seeds, and one per group that says how far its mean is from that of the first group."""
    for own in comparison.repeats:
        yield (
            f"{names_in(comparison, own)} differ only in their seed: mIoU {own.mean:.2f} +- {own.deviation:.2f} (mean"
            f" and standard deviation of {len(own.runs)} seeds); a difference of about this size between single runs"
            " says nothing about their configs"
        )
    for own in comparison.repeats[1:]:
        first = comparison.repeats[0]
        error = sqrt(first.deviation**2 / len(first.runs) + own.deviation**2 / len(own.runs))
        yield (
            f"the mean of {names_in(comparison, own)} differs from that of {names_in(comparison, first)} by"
            f" {signed(own.mean - first.mean)}, with a standard error over seeds of {error:.2f}"
        )


def names_in(comparison: Comparison, own: Repeats) -> str:
    return ", ".join(comparison.names[i] for i in own.runs)
