"""The scores of an evaluation as files: JSON, CSV, or a folder with both, the table and the confusion matrix."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segbox.viz.confusion import confusion_picture
from segbox.viz.overlay import write_image


def write_scores(
    out: Path,
    scores: Mapping[str, float],
    counts: np.ndarray,
    classes: Sequence[str],
    table: str,
    about: Mapping[str, Any],
) -> None:
    """By the suffix of `out`: .json or .csv; else it is a folder. `about` goes into the JSON."""
    if out.suffix == ".csv":
        write_text(out, score_csv(scores, classes))
        return
    plain = {name: None if value != value else round(value, 4) for name, value in scores.items()}  # JSON has no NaN
    content = {**about, "scores": plain, "classes": list(classes), "confusion_matrix": counts.tolist()}
    if out.suffix == ".json":
        write_text(out, json.dumps(content, indent=1))
        return
    write_text(out / "scores.json", json.dumps(content, indent=1))
    write_text(out / "scores.csv", score_csv(scores, classes))
    write_text(out / "scores.txt", table + "\n")
    write_text(out / "confusion_matrix.csv", confusion_csv(counts, classes))
    write_image(out / "confusion_matrix.png", confusion_picture(counts, classes))


def score_csv(scores: Mapping[str, float], classes: Sequence[str]) -> str:
    """A row per class, then the row `mean`, where also the scores stand that are not of classes. Empty: undefined."""
    columns = list(dict.fromkeys(name.split("/", 1)[0] for name in scores if "/" in name))
    others = [name for name in scores if "/" not in name and name.removeprefix("m") not in columns]
    rows = [["class", *columns, *others]]
    rows += [
        [label, *(number(scores[f"{column}/{label}"]) for column in columns), *[""] * len(others)] for label in classes
    ]
    rows.append(["mean", *(number(scores[f"m{name}"]) for name in columns), *(number(scores[name]) for name in others)])
    return as_csv(rows)


def confusion_csv(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Pixels: a row per true class, a column per guessed one."""
    return as_csv([["truth", *classes], *([label, *row] for label, row in zip(classes, counts.tolist()))])


def number(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
