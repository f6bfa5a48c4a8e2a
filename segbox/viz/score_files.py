"""The scores of an evaluation as files: JSON, CSV, or a folder with both, the table, the confusion matrix and
evaluation.json."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segbox.errors import UserError
from segbox.evaluation.records import EVALUATION, Evaluation
from segbox.outputs import write_text
from segbox.viz.confusion import confusion_picture
from segbox.viz.overlay import write_image

FILES = ("scores.json", "scores.csv", "scores.txt", "confusion_matrix.csv", "confusion_matrix.png", EVALUATION)


def score_files(out: str) -> list[Path]:
    """The files for `--out`: FILE.json, FILE.csv, or the files of a folder."""
    path = Path(out)
    is_folder = path.is_dir() or out.endswith(("/", os.sep))
    if not is_folder and path.suffix in (".json", ".csv"):
        return [path]
    if not is_folder and path.suffix:
        raise UserError(
            f"--out {out}: scores are written to FILE.json, FILE.csv or a folder, not to {path.suffix!r}; for a folder"
            f" of this name, write {out}/"
        )
    return [path / name for name in FILES]


def write_scores(files: Sequence[Path], evaluation: Evaluation, table: str) -> None:
    """Write the scores to files that `score_files` has returned."""
    scores, classes, counts = evaluation.scores, evaluation.classes, evaluation.counts()
    about = {"protocol": evaluation.protocol, "checkpoint": evaluation.checkpoint}
    plain = {name: None if value != value else round(value, 4) for name, value in scores.items()}  # JSON has no NaN
    content = {**about, "scores": plain, "classes": list(classes), "confusion_matrix": counts.tolist()}
    texts = {
        "scores.json": json.dumps(content, indent=1),
        "scores.csv": score_csv(scores, classes),
        "scores.txt": f"{table}\n",
        "confusion_matrix.csv": confusion_csv(counts, classes),
    }
    for file in files:
        name = file.name if len(files) > 1 else f"scores{file.suffix}"
        if name == EVALUATION:
            evaluation.write(file)
        elif name in texts:
            write_text(file, texts[name])
        else:
            write_image(file, confusion_picture(counts, classes))


def score_csv(scores: Mapping[str, float], classes: Sequence[str]) -> str:
    """A row per class, then a row `mean`, which also holds scores that are not per class. Empty cells are undefined."""
    columns = list(dict.fromkeys(name.split("/", 1)[0] for name in scores if "/" in name))
    others = [name for name in scores if "/" not in name and name.removeprefix("m") not in columns]
    rows = [["class", *columns, *others]]
    rows += [
        [label, *(number(scores[f"{column}/{label}"]) for column in columns), *[""] * len(others)] for label in classes
    ]
    rows.append(["mean", *(number(scores[f"m{name}"]) for name in columns), *(number(scores[name]) for name in others)])
    return as_csv(rows)


def confusion_csv(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Numbers of pixels: a row per target class, a column per predicted class."""
    return as_csv([["target", *classes], *([label, *row] for label, row in zip(classes, counts.tolist()))])


def number(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def as_csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
