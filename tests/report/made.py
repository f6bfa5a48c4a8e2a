"""Evaluations and folders of runs, made without a training."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from segbox.config import load_config
from segbox.data.datasets.shapes import ShapesDataset
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.records import EVALUATION, Evaluation, ImageCounts
from tests.trained import write_checkpoint

Counts = list[list[int]]


def made(*images: Counts, classes: list[str] | None = None, paths: list[str] | None = None, **more: Any) -> Evaluation:
    """An evaluation of these confusion matrices, one per image."""
    tables = [np.array(image) for image in images]
    classes = classes or ["road", "car", "tree", "sky"][: len(tables[0])]
    metric = ConfusionMatrix(classes)
    metric.counts = sum(tables)
    counts = [ImageCounts.of(path, t) for path, t in zip(paths or [f"{i:03d}.png" for i in range(99)], tables)]
    palette = [(10 * i, 0, 90) for i in range(len(classes))]
    given = {"checkpoint": "last.pt", "step": 4, **more}
    return Evaluation(classes, palette, "whole images", metric.compute(), counts, **given)


def write_run(folder: Path, evaluation: Evaluation | None = None, rows: list[dict] | None = None) -> Path:
    """A work dir with a tiny checkpoint; without an evaluation, that of random counts on its own images."""
    write_checkpoint(folder, "last.pt")
    load_config(folder / "tiny.py").dump(folder / "config.py")
    rng = np.random.default_rng(0)
    classes = list(ShapesDataset.classes)
    counts = [rng.integers(0, 50, (7, 7)).tolist() for _ in range(3)]
    paths = [f"shapes-1-0000{i}" for i in range(3)]
    (evaluation or made(*counts, classes=classes, paths=paths)).write(folder / EVALUATION)
    start = {"started": "2026-01-02 03:04:05", "command": "segbox train tiny.py", "torch": "2.9", "device": "x86_64"}
    (folder / "environment.json").write_text(json.dumps([start]))
    rows = rows or [
        {"step": 2, "loss": 2.0, "decode.ce": 2.0, "lr": 0.01, "step_seconds": 0.5},
        {"step": 3, "mIoU": 20.0, "mAcc": 30.0, "aAcc": 40.0, "IoU/circle": 10.0},
        {"step": 4, "loss": 1.0, "decode.ce": 1.0, "lr": 0.005, "step_seconds": 0.5},
        {"step": 4, "mIoU": 30.0, "mAcc": 40.0, "aAcc": 50.0, "IoU/circle": 20.0},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
