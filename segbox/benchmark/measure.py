"""Sides that do the same work: their numbers are compared, then they are timed in turns."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from segbox.benchmark.peer.shared import digest, seconds_of
from segbox.errors import UserError
from segbox.machine import peak_mb

OURS, FLOOR = "segbox", "bare"
COMPILED = f"{OURS}, compile"
TOLERANCE = 1e-3  # of the largest value
DIFFERENT = "its numbers differ, so it is not timed"


@dataclass(frozen=True)
class Side:
    """One implementation. `digest` gives the numbers to compare (None: nothing to compare)."""

    name: str
    digest: Callable[[], Sequence[float] | None]
    seconds: Callable[[], tuple[float, float]]  # of a run: CPU, wall clock
    peak_mb: Callable[[], float | None]


@dataclass(frozen=True)
class Case:
    """The same work by several sides. The first is the one that the others are compared with."""

    name: str
    sides: Sequence[Side]
    notes: Sequence[str] = ()
    tolerance: float = TOLERANCE
    clock: str = "cpu"  # "wall" where other processes or a GPU do the work


@dataclass
class Timed:
    """What was measured of a side: quartiles of seconds, and the largest difference of its numbers."""

    name: str
    cpu: tuple[float, float, float] | None = None
    wall: tuple[float, float, float] | None = None
    peak_mb: float | None = None
    difference: float | None = None  # of the numbers, to those of the first side, as a part of the largest
    note: str = ""


@dataclass
class Measured:
    """The result of a case, the same for all subjects."""

    name: str
    sides: list[Timed]
    notes: list[str] = field(default_factory=list)
    clock: str = "cpu"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def time_of(case: Measured, side: Timed) -> tuple[float, float, float] | None:
    """The quartiles of a side by the case's clock; None if it was not timed."""
    return side.wall if case.clock == "wall" else side.cpu


def ratio_to_first(case: Measured, name: str) -> float | None:
    """The time of a side as a part of the first's; None if one of them was not timed."""
    times = {side.name: time_of(case, side) for side in case.sides}
    first = times.get(case.sides[0].name) if case.sides else None
    own = times.get(name)
    return own[1] / first[1] if own and first and first[1] else None


def read_measured(values: Mapping[str, Any]) -> Measured:
    return Measured(**{**values, "sides": [Timed(**side) for side in values["sides"]]})


def local(
    name: str, run: Callable[[], Any], check: Callable[[], Any] | None = None, device: str = "cpu", checked: bool = True
) -> Side:
    """A side in this process. `check` computes the numbers where those of `run` are random or incomplete."""
    return Side(
        name,
        lambda: digest((check or run)()) if checked else None,
        lambda: seconds_of(run, lambda: wait(device)),
        lambda: peak_mb(run, device),
    )


def told_first(side: Side, notes: list[str]) -> Side:
    """A side whose first run, for its numbers, takes much longer than the others: a note says how long."""

    def numbers() -> Sequence[float] | None:
        begin = time.perf_counter()
        found = side.digest()
        notes.append(f"{side.name}: its first run took {time.perf_counter() - begin:.1f} s")
        return found

    return replace(side, digest=numbers)


def wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def measure(cases: Iterable[Case], runs: int, peaks: bool = True, device: str = "cpu") -> Iterator[Measured]:
    """Measure the cases one after the other, each `runs` times in turns; with 0 runs, the memory alone."""
    for case in cases:
        yield measure_case(replace(case, clock="wall") if device == "cuda" else case, runs, peaks)


def measure_case(case: Case, runs: int, peaks: bool) -> Measured:
    found = [Timed(side.name) for side in case.sides]
    numbers = [numbers_of(side, own) for side, own in zip(case.sides, found, strict=True)]
    for own, mine in zip(found[1:], numbers[1:], strict=True):
        if mine is not None and numbers[0] is not None:
            own.difference = difference(mine, numbers[0])
            own.note = "" if own.difference <= case.tolerance else DIFFERENT
    sides = [(side, own) for side, own in zip(case.sides, found, strict=True) if not own.note]
    take_turns(sides, runs)
    for side, own in sides:
        if peaks and not own.note:
            own.peak_mb = side.peak_mb()
    return Measured(case.name, found, list(case.notes), case.clock)


def take_turns(sides: Sequence[tuple[Side, Timed]], runs: int) -> None:
    """Time the sides one after the other, `runs` times; a side that fails gets a note and no times."""
    seconds: list[list[tuple[float, float]]] = [[] for _ in sides]
    for _ in range(runs + 1 if runs else 0):
        for (side, own), taken in zip(sides, seconds, strict=True):
            try:
                taken.append((0.0, 0.0) if own.note else side.seconds())
            except UserError as error:
                own.note = str(error)
    for (_, own), taken in zip(sides, seconds, strict=True):
        if runs and not own.note:
            own.cpu, own.wall = (quartiles(column) for column in zip(*taken[1:]))  # the first turn warms up


def numbers_of(side: Side, own: Timed) -> Sequence[float] | None:
    """What a side computes; a note if a peer cannot."""
    try:
        return side.digest()
    except UserError as error:
        own.note = str(error)
        return None


def difference(numbers: Sequence[float], reference: Sequence[float]) -> float:
    """The largest difference as a part of the largest reference; infinite if there are more or fewer numbers."""
    if len(numbers) != len(reference) or numbers[0] != reference[0]:
        return float("inf")
    a, b = np.asarray(numbers[1:]), np.asarray(reference[1:])
    found = float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12))
    return found if np.isfinite(found) else float("inf")


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return low, median, high
