"""Tables of scores."""

import torch

from segbox.evaluation.metrics import ConfusionMatrix
from segbox.evaluation.score_table import score_table


def test_a_row_per_class_then_the_means():
    matrix = ConfusionMatrix(("sky", "a long name", "absent"))
    matrix.update(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1]))
    table = score_table(matrix.compute(), matrix.classes, ("mIoU", "mFscore")).splitlines()
    assert table[1] == "| class       |   IoU |    Acc | Fscore | Precision | Recall |"
    assert table[3] == "| sky         | 66.67 |  66.67 |  80.00 |    100.00 |  66.67 |"
    assert table[5] == "| absent      |     - |      - |      - |         - |      - |"
    assert table[8] == "|  aAcc |  mIoU |  mAcc | mFscore | mPrecision | mRecall |"
    assert table[10] == "| 75.00 | 58.33 | 83.33 |   73.33 |      75.00 |   83.33 |"


def test_scores_that_are_not_of_classes_stand_alone():
    scores = {"imageIoU": 12.5, "ECE": float("nan"), "aAcc": 1.0, "mIoU": 2.0, "mAcc": 3.0}
    table = score_table(scores, (), ("imageIoU", "ECE")).splitlines()
    assert table[1] == "| imageIoU | ECE |" and table[3] == "|    12.50 |   - |"
    assert "imageIoU" in score_table(scores, ()) and "mIoU" in score_table(scores, ())
