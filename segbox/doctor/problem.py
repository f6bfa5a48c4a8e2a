"""A problem of a data set, with all files that have it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from segbox.doctor.scan import Pair, Scan

SHOWN = 8  # how many ids or colours a message lists


@dataclass
class Problem:
    """One kind of problem in one split, with all files that have it. A note does not prevent training."""

    kind: str
    split: str
    message: str
    advice: str
    files: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)  # one per file, or empty
    pairs: list[int] = field(default_factory=list)  # positions in the scan, or empty
    is_note: bool = False


def problem_of_pairs(
    scan: Scan,
    describe: Callable[[Pair, np.ndarray], str],
    file_of: Callable[[Pair], str],
    problem: Problem,
    noun: str,
) -> Iterable[Problem]:
    """The problem with all pairs for which `describe` returns a text; nothing if there are none.

    `{files}` in the message becomes the number of files with their `noun`.
    """
    details = [describe(pair, table) for pair, table in zip(scan.pairs, scan.label_tables)]
    problem.pairs = [i for i, text in enumerate(details) if text]
    if problem.pairs:
        problem.files = [file_of(scan.pairs[i]) for i in problem.pairs]
        problem.details = [_without_path(details[i], file) for i, file in zip(problem.pairs, problem.files)]
        problem.message = problem.message.replace("{files}", counted(len(problem.pairs), noun))
        yield problem


def _without_path(text: str, file: str) -> str:
    return text.removeprefix(f"{file}: ").removeprefix(f"{Path(file)}: ")


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")


def size_text(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
