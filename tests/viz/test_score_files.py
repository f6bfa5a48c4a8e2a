"""Scores as files, of classes whose names mean something to a path, a table or a spreadsheet."""

import csv
import json

import cv2
import numpy as np

from segbox.data.class_names import checked_classes
from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.records import Evaluation, ImageCounts
from segbox.evaluation.score_table import score_table
from segbox.viz.score_files import score_files, write_scores
from tests.runs import written

OTHERS = ("confusion_matrix.png", "evaluation.json")
CLASSES = checked_classes(["pole/sign", "..", 'a, "b"', "道路", "m", "x" * 100])


def test_every_file_holds_every_name(tmp_path):
    metric = ConfusionMatrix(CLASSES)
    metric.counts += np.arange(36).reshape(6, 6)
    scores = metric.compute()
    table = score_table(scores, CLASSES)
    images = [ImageCounts.of("a.png", metric.counts)]
    own = Evaluation(CLASSES, [(0, 0, 0)] * 6, "whole images", scores, images, "best.pt")
    write_scores(score_files(str(tmp_path / "out")), own, table)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    files = {name: tmp_path / "out" / name for name in written(tmp_path / "out")}
    assert set(files) == {"scores.json", "scores.csv", "scores.txt", "confusion_matrix.csv", *OTHERS}
    assert Evaluation.read(files["evaluation.json"]).classes == CLASSES
    content = json.loads(files["scores.json"].read_text())
    assert (content["protocol"], content["checkpoint"]) == ("whole images", "best.pt")
    assert content["classes"] == list(CLASSES) and {f"IoU/{name}" for name in CLASSES} <= set(content["scores"])
    rows = list(csv.DictReader(files["scores.csv"].read_text(encoding="utf-8").splitlines()))
    assert [row["class"] for row in rows] == [*CLASSES, "mean"]
    for row in rows[:-1]:
        assert float(row["IoU"]) == round(scores[f"IoU/{row['class']}"], 4)
    matrix = list(csv.reader(files["confusion_matrix.csv"].read_text(encoding="utf-8").splitlines()))
    assert matrix[0] == ["target", *CLASSES] and [row[0] for row in matrix[1:]] == list(CLASSES)
    assert all(name in table for name in CLASSES) and files["scores.txt"].read_text(encoding="utf-8") == table + "\n"
    assert max(cv2.imread(str(files["confusion_matrix.png"])).shape) < 2000
