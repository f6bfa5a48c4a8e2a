"""One kind of defect, with all files that have it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segbox.doctor.scan import Pair, Scan

SHOWN = 8  # ids and colours that a message names


@dataclass
class Problem:
    """Of one kind, in one split, with all files that have it. A note is worth knowing, but does not stop training."""

    kind: str
    split: str
    message: str
    advice: str
    files: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)  # one per file, or none
    pairs: list[int] = field(default_factory=list)  # their positions in the scan, where there are any
    is_note: bool = False


def gather(
    scan: Scan,
    describe: Callable[[Pair, np.ndarray], str],
    file_of: Callable[[Pair], str],
    problem: Problem,
    what: str,
) -> Iterable[Problem]:
    """The problem with all pairs that `describe` has something to say about; nothing where there are none."""
    details = [describe(pair, table) for pair, table in zip(scan.pairs, scan.tables)]
    problem.pairs = [i for i, text in enumerate(details) if text]
    if problem.pairs:
        problem.files = [file_of(scan.pairs[i]) for i in problem.pairs]
        problem.details = [_without_path(details[i], file) for i, file in zip(problem.pairs, problem.files)]
        problem.message = problem.message.replace("{files}", counted(len(problem.pairs), what))
        yield problem


def _without_path(text: str, file: str) -> str:
    return text.removeprefix(f"{file}: ").removeprefix(f"{Path(file)}: ")


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number != 1 else "")


def size_text(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
