"""Reads log.jsonl, also of a run that was killed in the middle of a line, or resumed from an older step."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class LogRows:
    """The rows of training steps and those of evaluations, each in the order of their steps."""

    steps: list[Row] = field(default_factory=list)
    evaluations: list[Row] = field(default_factory=list)


def read_log(path: Path) -> LogRows:
    """Lines that are no row are left out; a row replaces those of its kind from its step on, which were trained again.

    A folder without a log has no rows.
    """
    rows = LogRows()
    if not path.is_file():
        return rows
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        row = row_of(line)
        if row is None:
            continue
        kind = rows.steps if "lr" in row else rows.evaluations
        while kind and kind[-1]["step"] >= row["step"]:
            kind.pop()
        kind.append(row)
    return rows


def row_of(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and type(row.get("step")) is int else None


def column(rows: list[Row], name: str) -> list[tuple[int, float]]:
    """(step, value) where the rows have a finite number of this name."""
    return [(row["step"], float(row[name])) for row in rows if is_finite(row.get(name))]


def is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")


def training_seconds(rows: LogRows) -> float:
    """The time of the logged steps, without evaluations."""
    seconds, before = 0.0, 0
    for row in rows.steps:
        if is_finite(row.get("step_seconds")):
            seconds += (row["step"] - before) * row["step_seconds"]
        before = row["step"]
    return seconds
