"""The command that scores."""

import json

import cv2
import pytest
import torch

from tests.runs import run_tool, tiny_runner


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
    written = json.loads((folder / "out" / "scores.json").read_text())
    logged = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()][-1]
    assert written["scores"]["mIoU"] == pytest.approx(logged["mIoU"], abs=1e-4)
    assert written["classes"][1] == "circle" and len(written["confusion_matrix"]) == 7
    assert written["protocol"].startswith("whole images at the labels' own size")
    out = capsys.readouterr().out
    assert "| class      |   IoU |" in out and "mFscore" in out and "pixels of 3 images" in out


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        (["--mode", "slide", "--cfg-options", "test.window=(16, 24)"], "slide 16x24;"),
        (["--mode", "crop", "--cfg-options", "test.window=(16, 24)"], "crop 16x24;"),
        (["--scales", "0.5", "1.25", "--flip", "--amp", "bf16"], "own size, scales 0.5, 1.25, flipped too;"),
    ],
)
def test_protocols(folder, monkeypatch, capsys, options, protocol):
    assert score(monkeypatch, folder, "last.pt", *options) == 0
    assert protocol in capsys.readouterr().out


def test_pictures(folder, monkeypatch, capsys):
    assert score(monkeypatch, folder, "best.pt", "--show-dir", "pictures") == 0
    assert "pictures are in pictures" in capsys.readouterr().out
    found = sorted((folder / "pictures").iterdir())
    assert len(found) == 3 and cv2.imread(str(found[0])).shape[1] == 3 * (40 * 6 + 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pt"], "there is no checkpoint gone.pt"),
        (["other.pt"], "other.pt: belongs to another model\n0 tensors fit"),
        (["tiny.py"], "tiny.py: is no checkpoint"),
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
