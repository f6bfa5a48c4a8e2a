"""The page: whole, self-contained, right for every kind of run."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from segbox.config import load_config
from segbox.errors import DataError, UserError
from segbox.evaluation.records import EVALUATION, Evaluation
from segbox.report.class_table import class_table
from segbox.report.log_rows import LogRows
from segbox.report.page import Findings, has_class_weights, predicts_masks, report_page
from segbox.report.run import read_run
from segbox.report.write import write_report
from tests.doctor.test_html_report import EMPTY, Balance
from tests.report.made import made, write_run

CPU = torch.device("cpu")
EMPTY |= {"input", "line", "polyline", "path", "rect", "circle"}


def checked(text):
    """The page's tags; fails where one is not closed, or where anything would be loaded."""
    parser = Balance()
    parser.handle_startendtag = lambda tag, attrs: parser.seen.append((tag, dict(attrs)))
    parser.feed(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert not parser.open and len(text) < 5_000_000
    for tag, attrs in parser.seen:
        assert tag not in ("link", "iframe") and attrs.get("src", "data:").startswith("data:")
    return parser.seen


def written(folder):
    return write_report(folder, CPU).read_text(encoding="utf-8")


def test_a_run_has_everything(tmp_path):
    text = written(write_run(tmp_path))
    tags = checked(text)
    assert len([tag for tag, _ in tags if tag == "img"]) == 12 and len([t for t, _ in tags if t == "figure"]) == 3
    for part in (
        "Classes",
        "What is taken for what",
        "Worst images",
        "Best images",
        "How far from",
        "Curves",
        "The run",
    ):
        assert f"<h2>{part}" in text
    assert "step 4" in text and "segbox train tiny.py" in text and "The whole config" in text and "ResNet test" in text
    assert "started 2026-01-02" in text and "over the run" in text and "otherwise than in the evaluation" in text


def test_it_is_written_again_but_never_over_a_file_of_the_user(tmp_path):
    write_run(tmp_path)
    assert written(tmp_path) == written(tmp_path)
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UserError, match="not written by segbox"):
        write_report(tmp_path, CPU)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_run_without_evaluation(tmp_path):
    write_run(tmp_path, rows=[{"step": 2, "loss": 2.0, "lr": 0.1}])
    (tmp_path / EVALUATION).unlink()
    text = written(tmp_path)
    checked(text)
    assert "No evaluation yet" in text and "<h2>Curves" in text and "<h2>Classes" not in text


def test_a_folder_of_a_test_with_what_is_gone(tmp_path):
    made([[5, 1], [2, 9]], checkpoint="gone.pt").write(tmp_path / EVALUATION)
    text = written(tmp_path)
    checked(text)
    assert "Test</div>" in text and "No pictures: the images could not be predicted again. " in text
    assert "segbox test gone.pt --out" in text and "<h2>Curves" not in text and "<img" not in text


@pytest.mark.parametrize("number", [1, 2, 150])
def test_any_number_of_classes_with_hostile_names(number, tmp_path):
    classes = ["<img src=x onerror=alert(1)>", *(f"class {i}" for i in range(1, number))]
    counts = np.random.default_rng(0).integers(0, 9, (3, number, number))
    counts[:, 0, 0] = 5
    paths = [f"</script><b>{i}" for i in range(3)]
    made(*counts.tolist(), classes=classes, paths=paths, checkpoint="<u>").write(tmp_path / EVALUATION)
    text = written(tmp_path)
    tags = checked(text)
    assert "<img" not in text and "<u>" not in text and len([t for t, _ in tags if t == "tr"]) >= number
    assert ("<h2>What is taken for what" in text) == (number > 1)


def test_a_deleted_data_set_leaves_out_the_pictures(tmp_path):
    write_run(tmp_path)
    config = load_config(tmp_path / "config.py")
    config.data.val = dict(type="FolderDataset", root="/gone", classes=["a"])
    config.dump(tmp_path / "config.py")
    text = written(tmp_path)
    assert "No pictures" in text and "/gone" in text and "<h2>Classes" in text and "<img" not in text


def test_intervals_are_shown_where_they_are_known(tmp_path):
    run = read_run(write_run(tmp_path))
    intervals = {"mIoU": (60.04, 70.0), "IoU/circle": (10.0, 31.5)}
    text = report_page(run, Findings(intervals))
    assert "95 % between 60.0 and 70.0 (bootstrap over 3 images)" in text and "10.0 to 31.5" in text
    assert "The validation set is small" in text and "on 3 images" not in text


def test_the_best_evaluation_is_named(tmp_path):
    run = read_run(write_run(tmp_path))
    best = replace(run.evaluation, step=3, checkpoint="best.pt", scores={**run.evaluation.scores, "mIoU": 44.44})
    text = report_page(replace(run, best=best), Findings())
    assert "mIoU 44.4 at step 3, is kept as <code>best.pt</code>" in text and ">best</text>" in text
    assert "is kept as" not in report_page(replace(run, best=run.evaluation), Findings())


def test_the_class_table_has_the_shares():
    known = made([[90, 10, 0], [0, 50, 0], [30, 20, 0]])
    text = class_table(known, {}, LogRows())
    cells = [re.findall(r"<td[^>]*>(?:<b>)?([^<]*)", row) for row in text.split("<tr")[2:]]
    assert [row[-3:] for row in cells] == [["50.0", "60.0", "1"], ["25.0", "40.0", "1"], ["25.0", "never", "1"]]
    assert [row[3] for row in cells] == ["69.2", "62.5", "0.0"] and text.count("class=absent") == 1


def test_a_test_into_a_work_dir_is_drawn_by_its_own_config(tmp_path):
    write_run(tmp_path)
    (tmp_path / "test_config.py").write_text("seed = 5\n")
    evaluation = read_run(tmp_path).evaluation
    assert read_run(tmp_path).config["data"]
    replace(evaluation, step=None).write(tmp_path / EVALUATION)
    assert read_run(tmp_path).config == {"seed": 5}


def test_the_code_of_a_config_is_not_run(tmp_path):
    write_run(tmp_path)
    with (tmp_path / "config.py").open("a") as file:
        file.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\nimport not_there\n")
    assert "<h2>Worst images" in written(tmp_path) and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_damaged_evaluation_is_refused(content, tmp_path):
    (tmp_path / EVALUATION).write_text(content)
    with pytest.raises(DataError, match=EVALUATION):
        write_report(tmp_path, CPU)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds neither evaluation"):
        write_report(tmp_path, CPU)
    with pytest.raises(UserError, match="is no folder"):
        write_report(tmp_path / "gone", CPU)


def test_findings_of_a_check_and_a_damaged_environment(tmp_path):
    write_run(tmp_path)
    leak = {"kind": "leak", "message": "3 images of 'val' are in 'train' too"}
    (tmp_path / "check.json").write_text(json.dumps({"problems": [leak]}))
    (tmp_path / "environment.json").write_text('[{"sta')
    text = report_page(read_run(tmp_path), Findings())
    checked(text)
    assert "The same images are in train and val" in text and Evaluation.read(tmp_path / EVALUATION).step == 4


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (dict(type="CrossEntropyLoss", class_weight="sqrt"), True),
        ([dict(type="DiceLoss"), dict(type="CrossEntropyLoss", class_weight=[1, 2])], True),
        (dict(type="CrossEntropyLoss", class_weight=None), False),
        ([dict(type="DiceLoss")], False),
        (None, False),
    ],
)
def test_class_weights_are_found_in_the_config(loss, expected):
    assert has_class_weights(dict(model=dict(decode_head=dict(loss=loss)))) == expected
    assert not has_class_weights(None) and not has_class_weights({})


@pytest.mark.parametrize(("kind", "expected"), [("EoMTHead", True), ("FCNHead", False), ("OfMyProject", False)])
def test_heads_of_masks_are_found_in_the_config(kind, expected):
    assert predicts_masks(dict(model=dict(decode_head=dict(type=kind)))) == expected
    assert not predicts_masks(None)
