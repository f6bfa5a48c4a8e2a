"""The command that scores."""

import csv
import json
from pathlib import Path

import cv2
import pytest
import torch

from segbox.commands import main
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.records import Evaluation
from tests.runs import run_tool, tiny_runner, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    runner = tiny_runner(folder, ["train.max_steps=2"])
    runner.train()
    torch.save({"w": torch.zeros(3)}, folder / "other.pt")
    return folder


def score(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    return run_tool(monkeypatch, "test.py", "tiny.py", *arguments)


def test_scores_are_those_of_the_training(folder, monkeypatch, capsys):
    assert score(monkeypatch, folder, "last.pt", "--out", "out/scores.json", "--eval", "mIoU", "mDice", "mFscore") == 0
    content = json.loads((folder / "out" / "scores.json").read_text())
    logged = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()][-1]
    assert content["scores"]["mIoU"] == pytest.approx(logged["mIoU"], abs=1e-4)
    assert content["classes"][1] == "circle" and len(content["confusion_matrix"]) == 7
    assert content["protocol"].startswith("whole images at the labels' own size")
    out = capsys.readouterr().out
    assert "| class      |   IoU |" in out and "mFscore" in out and "pixels of 3 images" in out


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        (["--mode", "slide", "--cfg-options", "test.window=(16, 24)"], "slide 16x24;"),
        (["--mode", "crop", "--cfg-options", "test.window=(16, 24)"], "crop 16x24;"),
        (["--scales", "0.5", "1.25", "--flip", "--amp", "bf16"], "own size, scales 0.5, 1.25, flipped too;"),
        (["--mode", "val", "--base-size", "40", "--crop-size", "16"], "crop 16x16;"),
        (["--mode", "testval", "--base-size", "40", "--crop-size", "16"], "whole images at the labels' own size;"),
        (["--mode", "slide", "--crop-size", "16", "24", "--ignore-background"], "slide 16x24; classes"),
        (["--ignore-background"], "background is left out of the means"),
        (["--scales", "0.5", "1", "--base-size", "48"], "scales 0.5, 1.0 of 48 pixels on the longer side;"),
    ],
)
def test_protocols(folder, monkeypatch, capsys, options, protocol):
    assert score(monkeypatch, folder, "last.pt", *options) == 0
    assert protocol in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        (["--crop-size", "16"], ["--crop-size has no effect on whole images"]),
        (["--mode", "slide", "--crop-size", "16", "--base-size", "9"], ["--base-size has no effect on a single scale"]),
        (["--crop-size", "16", "--cfg-options", "test.mode=slide"], []),
        (["--base-size", "40", "--cfg-options", "test.scales=(0.5,)"], []),
    ],
)
def test_options_without_effect_are_told(folder, monkeypatch, capsys, options, notes):
    assert score(monkeypatch, folder, "last.pt", *options) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "has no effect" in line]
    assert len(told) == len(notes) and all(map(str.startswith, told, notes))


def test_pictures(folder, monkeypatch, capsys):
    assert score(monkeypatch, folder, "best.pt", "--show-dir", "pictures") == 0
    assert "pictures are in pictures" in capsys.readouterr().out
    found = written(folder / "pictures")
    assert len(found) == 3 and cv2.imread(str(folder / "pictures" / found[0])).shape[1] == 3 * (40 * 6 + 4)


def test_the_worst_pictures(folder, monkeypatch):
    assert score(monkeypatch, folder, "best.pt", "--show-dir", "worst", "--worst", "2") == 0
    assert len(written(folder / "worst")) == 2


def test_extra_scores_and_a_folder_of_all_there_is(folder, monkeypatch, capsys):
    scores = ["--eval", "mIoU", "mBIoU", "imageIoU", "ECE"]
    assert score(monkeypatch, folder, "last.pt", *scores, "--out", "all") == 0
    pages = ["evaluation.json", "report.html"]
    texts = ["scores.csv", "scores.json", "scores.txt", "test_config.py"]
    assert written(folder / "all") == ["confusion_matrix.csv", "confusion_matrix.png", *pages, *texts]
    out = capsys.readouterr().out
    assert out.endswith("scores are in all\nthe page of this run: all/report.html\n")
    assert "|   BIoU |" in out or "|  BIoU |" in out
    assert "imageIoU |" in out and "ECE |" in out and " (bootstrap over 3 images)\n3410 pixels" in out
    content = json.loads((folder / "all" / "scores.json").read_text())
    own = Evaluation.read(folder / "all" / "evaluation.json")
    assert own.counts().tolist() == content["confusion_matrix"] and len(own.images) == 3
    assert (own.checkpoint, own.protocol) == ("last.pt", content["protocol"]) and own.scores["ECE"] > 0
    assert {"mBIoU", "imageIoU", "ECE", "BIoU/circle"} < set(content["scores"])
    rows = list(csv.DictReader((folder / "all" / "scores.csv").read_text().splitlines()))
    assert [row["class"] for row in rows] == [*content["classes"], "mean"]
    assert float(rows[-1]["IoU"]) == pytest.approx(content["scores"]["mIoU"], abs=1e-4)
    assert float(rows[-1]["ECE"]) == pytest.approx(content["scores"]["ECE"], abs=1e-4) and rows[0]["ECE"] == ""
    assert (folder / "all" / "scores.txt").read_text() in out
    counts = [row[1:] for row in csv.reader((folder / "all" / "confusion_matrix.csv").read_text().splitlines())][1:]
    assert [list(map(int, row)) for row in counts] == content["confusion_matrix"]
    assert score(monkeypatch, folder, "last.pt", "--out", "one.csv") == 0
    assert "BIoU" not in (folder / "one.csv").read_text()


def test_predictions_for_a_server(folder, monkeypatch, capsys):
    assert score(monkeypatch, folder, "last.pt", "--submit", "sent") == 0
    assert "predictions are in sent, as class ids" in capsys.readouterr().out
    masks = [cv2.imread(str(folder / "sent" / name), cv2.IMREAD_UNCHANGED) for name in written(folder / "sent")]
    assert [mask.shape for mask in masks] == [(32, 40)] * 3 and max(mask.max() for mask in masks) < 7


def test_what_cannot_be_written_is_told_before_the_evaluation(folder, monkeypatch, capsys):
    monkeypatch.setattr(Evaluator, "__call__", lambda *a, **k: pytest.fail("was evaluated"))
    (folder / "notes.csv").write_text("mine")
    for arguments, message in (
        (["--out", "notes.csv"], "notes.csv would be written over, and was not written by segbox"),
        (["--out", "notes.csv/scores.json"], "notes.csv: is a file, not a folder"),
        (["--out", "x.png"], "--out x.png: scores are written to FILE.json, FILE.csv or a folder, not to '.png'"),
        (["--show-dir", "notes.csv"], "notes.csv: is a file, not a folder; choose another folder to write to"),
        (["--submit", "notes.csv/deep"], "notes.csv: is a file, not a folder"),
        (["--show-dir", "notes.csv", "--worst", "1"], "notes.csv: is a file, not a folder"),
    ):
        assert score(monkeypatch, folder, "last.pt", *arguments) == 2
        assert f"error: {message}" in capsys.readouterr().err
    assert (folder / "notes.csv").read_text() == "mine" and not (folder / "x.png").exists()


def test_scores_are_written_again(folder, monkeypatch, capsys):
    for _ in range(2):
        assert score(monkeypatch, folder, "last.pt", "--out", "v1.2/", "--show-dir", "v1.2", "--submit", "sent") == 0
    assert len(written(folder / "v1.2")) == 11
    (folder / "v1.2/scores.txt").write_text("mine")
    assert score(monkeypatch, folder, "last.pt", "--out", "v1.2") == 2
    assert "v1.2/scores.txt would be written over" in capsys.readouterr().err


def test_the_page_is_that_of_the_options(folder, monkeypatch, capsys):
    options = ["--mode", "slide", "--crop-size", 24, 32, "--cfg-options", "data.val.num_images=2"]
    assert score(monkeypatch, folder, "last.pt", "--out", "page/", *options) == 0
    first = (folder / "page/report.html").read_text(encoding="utf-8")
    assert "slide 24x32" in first and first.count("<figure") == 2 and "otherwise than in the evaluation" not in first
    assert "segbox test page/test_config.py last.pt --out page/" in first
    main(["report", "page", "--device", "cpu"])
    assert (folder / "page/report.html").read_text(encoding="utf-8") == first
    assert score(monkeypatch, folder, "last.pt", "--out", "without/", "--no-report") == 0
    assert not {"report.html", "test_config.py"} & {*written(folder / "without")}


def test_a_page_that_cannot_be_written_is_told_before_the_evaluation(folder, monkeypatch, capsys):
    (folder / "mine").mkdir()
    (folder / "mine/report.html").write_text("mine")
    assert score(monkeypatch, folder, "last.pt", "--out", "mine/") == 2
    assert "mine/report.html would be written over" in capsys.readouterr().err and written(folder / "mine") == [
        "report.html"
    ]


def test_pictures_that_cannot_be_named_are_told_after_the_scores(folder, monkeypatch, capsys):
    monkeypatch.setattr(
        "segbox.viz.evaluation_outputs.OutputNames.of", lambda self, item: Path(f"{item['path']}{'a' * 250}")
    )
    assert score(monkeypatch, folder, "last.pt", "--show-dir", "long") == 2
    said = capsys.readouterr()
    assert "pixels of 3 images" in said.out and len(said.err.splitlines()) == 4
    assert said.err.startswith("error: some pictures or predictions could not be written:\n  long/shapes-1-00000aaaa")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--worst", "2"], "--worst: expected a number of pictures, 1 or more, and --show-dir"),
        (["--show-dir", "x", "--worst", "0"], "--worst: expected a number of pictures"),
        (["--crop-size", "1", "2", "3"], "--crop-size: expected one number, or height and width"),
        (["--eval", "IoU"], "invalid choice: 'IoU'"),
    ],
)
def test_wrong_options(folder, monkeypatch, capsys, arguments, message):
    assert score(monkeypatch, folder, "last.pt", *arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pt"], "there is no checkpoint gone.pt"),
        (["other.pt"], "other.pt: belongs to another model\n0 tensors fit"),
        (["tiny.py"], "tiny.py: is a config, not a checkpoint"),
        (["last.pt", "--cfg-options", "data.val=None"], "data.val: the config has no validation set to score on"),
        (["last.pt", "--cfg-options", "data.val.size=(2, 2)"], "data.val: num_images=3, size=(2, 2)"),
        (
            ["last.pt", "--mode", "slide", "--cfg-options", "test.stride=900"],
            "test: window (512, 512), stride (900, 900)",
        ),
        (["last.pt", "--scales", "0"], "test: scales (0.0,): expected one or more numbers above 0"),
    ],
)
def test_mistakes_end_with_one_message(folder, monkeypatch, capsys, arguments, message):
    assert score(monkeypatch, folder, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "Traceback" not in error
