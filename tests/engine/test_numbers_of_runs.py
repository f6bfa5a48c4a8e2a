"""Numbers (mean, std) that a config states hold after `--resume`; those that it does not are the checkpoint's."""

import cv2
import numpy as np
import pytest
import torch

from segbox.engine.checkpoint import read_run
from tests.runs import run_tool, write_config

PLAIN = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def train(monkeypatch, *overrides, resume=True):
    options = ["--resume"] if resume else []
    shared = ["data.val=None", "hooks.evaluate=None", "train.max_steps=2", "hooks.checkpoint.interval=1"]
    return run_tool(
        monkeypatch, "train.py", "tiny.py", "--work-dir", "run", *options, "--cfg-options", *shared, *overrides
    )


def numbers(part="model"):
    content = read_run("run/last.pt")[part]
    return {name: [round(value, 3) for value in content[name].flatten().tolist()] for name in ("mean", "std")}


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    write_config(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_folder")
def test_stated_numbers_hold_after_resume(monkeypatch, capsys):
    assert train(monkeypatch, "train.max_steps=1", resume=False) == 0
    assert numbers() == PLAIN
    assert (
        "mean (123.675, 116.28, 103.53) of ImageNet, std (58.395, 57.12, 57.375) of ImageNet" in capsys.readouterr().out
    )
    assert train(monkeypatch, "model.mean=(1,2,3)") == 0
    told = capsys.readouterr().out
    assert "model.mean: the config's (1, 2, 3) is used; the weights of run/last.pt were trained with (123.675" in told
    assert "changed since that checkpoint: model.mean (not set) -> (1, 2, 3)" in told
    for part in ("model", "ema"):
        assert numbers(part) == {**PLAIN, "mean": [1.0, 2.0, 3.0]}


@pytest.mark.usefixtures("in_folder")
def test_numbers_that_are_not_stated_are_those_of_the_checkpoint(monkeypatch, capsys):
    assert train(monkeypatch, "train.max_steps=1", "model.mean=7", "model.std=9", resume=False) == 0
    assert "mean (7, 7, 7) of the config, std (9, 9, 9) of the config" in capsys.readouterr().out
    assert train(monkeypatch) == 0
    told = capsys.readouterr().out
    assert "model.mean: (7, 7, 7) is taken from run/last.pt, as the config states none" in told
    assert "changed since that checkpoint: model.std 9 -> (not set)" in told
    assert numbers() == numbers("ema") == {"mean": [7.0] * 3, "std": [9.0] * 3}
    cv2.imwrite("a.png", np.zeros((8, 8, 3), np.uint8))
    arguments = ["tiny.py", "run/last.pt", "a.png", "--out", "seen"]
    assert run_tool(monkeypatch, "predict.py", *arguments, "--cfg-options", "model.mean=8") == 2
    assert (
        "model.mean: (8, 8, 8), but the weights of run/last.pt were trained with (7, 7, 7)" in capsys.readouterr().err
    )
    assert run_tool(monkeypatch, "predict.py", *arguments) == 0
    assert torch.load("run/last.pt", weights_only=True)["step"] == 2
