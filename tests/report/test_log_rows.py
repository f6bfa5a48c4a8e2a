"""log.jsonl as a killed or resumed run leaves it."""

import pytest

from segbox.report.log_rows import column, read_log, training_seconds

LINES = """{"step": 2, "loss": 2.0, "lr": 0.1, "step_seconds": 0.5}
{"step": 3, "mIoU": 10.0, "mAcc": null}
{"step": 4, "loss": 1.0, "lr": 0.1, "step_seconds": 0.25}
{"step": 4, "loss": 0.9, "lr"
[1, 2]
{"loss": 3}
{"step": 3, "loss": 1.5, "lr": 0.1, "step_seconds": 1.0}
{"step": 3, "mIoU": 12.0}
"""


def test_broken_lines_and_repeated_steps(tmp_path):
    (tmp_path / "log.jsonl").write_text(LINES)
    rows = read_log(tmp_path / "log.jsonl")
    assert column(rows.steps, "loss") == [(2, 2.0), (3, 1.5)]  # resumed from step 2
    assert column(rows.evaluations, "mIoU") == [(3, 12.0)] and column(rows.evaluations, "mAcc") == []
    assert training_seconds(rows) == pytest.approx(2 * 0.5 + 1 * 1.0)


def test_no_log(tmp_path):
    rows = read_log(tmp_path / "log.jsonl")
    assert not rows.steps and not rows.evaluations and training_seconds(rows) == 0
