"""The report of a check: statistics and problems of each split; also as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segbox.data.datasets.dataset import Colour
from segbox.doctor.problem import Problem
from segbox.doctor.scan import Scan
from segbox.doctor.summary import SplitSummary


@dataclass
class Report:
    """The results of a check. `scans` keeps what was read, for the pictures of the HTML report."""

    title: str
    classes: tuple[str, ...] = ()
    palette: list[Colour] = field(default_factory=list)
    splits: dict[str, SplitSummary] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    scans: dict[str, Scan] = field(default_factory=dict)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.is_note]

    @property
    def notes(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.is_note]


def as_json(report: Report, weights: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The report as plain values, without pictures."""
    return {
        "title": report.title,
        "classes": list(report.classes),
        "splits": {name: _split_as_json(split, report.classes) for name, split in report.splits.items()},
        "class_weights": {name: [round(float(w), 6) for w in values] for name, values in weights.items()},
        "problems": [_problem_as_json(problem) for problem in report.errors],
        "notes": [_problem_as_json(problem) for problem in report.notes],
    }


def _split_as_json(split: SplitSummary, classes: Sequence[str]) -> dict[str, Any]:
    fractions = class_fractions(split)
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
            {"id": i, "name": name, "pixels": int(split.pixels[i]), "share": float(fractions[i])}
            | {"images": int(split.images_with[i])}
            for i, name in enumerate(classes)
        ],
    }


def class_fractions(split: SplitSummary) -> np.ndarray:
    """Per class: its fraction of the labelled pixels."""
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
