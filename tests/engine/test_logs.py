"""The lines of a run, on the terminal and in log.txt."""

import io
import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from segbox.data.loader import build_dataset
from segbox.engine.logs import LogFile, describe_model, describe_run, describe_start, start_logging
from segbox.errors import CheckpointError
from segbox.models.segmentors import build_segmentor
from segbox.terminal import TerminalLines


def test_lines_that_cannot_be_written_end_the_run(tmp_path):
    start_logging()
    logger = logging.getLogger("segbox")
    logger.addHandler(LogFile("/dev/full"))
    with pytest.raises(CheckpointError, match=r"/dev/full could not be written: .*No space left"):
        logger.info("hello")
    logger.info("and then to the terminal alone")
    start_logging()


def test_lines_go_to_the_terminal_and_the_log(tmp_path, capsys, monkeypatch):
    logger = logging.getLogger("segbox")
    start_logging(tmp_path)
    logger.info("hello")
    logger.info("two\nlines of \x1b[2J\udcff.png")
    start_logging()
    logger.info("again")
    assert capsys.readouterr().out == "hello\ntwo\nlines of \\x1b[2J\\udcff.png\nagain\n"
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[0].endswith(" hello") and lines[1].endswith(" two") and lines[2] == r"lines of \x1b[2J\udcff.png"
    (tmp_path / "log.txt").write_text("whole\ncut sho")
    start_logging(tmp_path)
    logger.info("on")
    start_logging()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[:2] == ["whole", "cut sho"] and lines[2].endswith(" on") and len(lines) == 3
    capsys.readouterr()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    start_logging(tmp_path)
    logger.info("from another process")
    assert capsys.readouterr().out == ""


def test_a_line_takes_the_place_of_the_progress_bar_on_a_terminal_only():
    for is_terminal, before in ((True, "\r\x1b[K"), (False, "")):
        stream = io.StringIO()
        stream.isatty = lambda is_terminal=is_terminal: is_terminal
        TerminalLines(stream).emit(logging.makeLogRecord({"msg": "hello"}))
        assert stream.getvalue() == f"{before}hello\n"


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "THE BACKBONE BEGINS AT RANDOM: the config has no model.backbone_weights"),
        ({"backbone_weights": "a.pth"}, "the backbone begins with a.pth, the rest at random"),
        ({"backbone_weights": "imagenet"}, "the backbone begins with torchvision://vgg16, the rest at random"),
        ({"weights": "b.pth", "backbone_weights": "a.pth"}, "the model begins with the weights of b.pth"),
        ({"backbone": {"pretrained": True}}, "the backbone begins with timm's pretrained weights, the rest at random"),
        ({"backbone": None}, ""),
    ],
)
def test_the_first_lines_say_what_the_model_begins_with(config, line):
    model = SimpleNamespace(backbone=nn.Identity())
    model.backbone.imagenet = {"": "torchvision://vgg16"}
    assert describe_start({"backbone": {"type": "VGG"}, **config}, model) == line


def test_the_first_lines_count_the_model(monkeypatch):
    config = {"type": "EncoderDecoder", "backbone": {"type": "ResNet", "variant": "test"}}
    config["decode_head"] = {"type": "FCNHead"}
    model = build_segmentor(config, 7)
    assert describe_model(config, model, 7, (32, 48)) == (
        "FCNHead on ResNet: 0.347 M parameters, 0.00315 GFLOPs for an image of 32x48"
    )
    assert describe_model(config, model, 7, None) == "FCNHead on ResNet: 0.347 M parameters"
    assert describe_model({}, nn.Linear(9, 100), 7, (32, 48)) == "Linear: 0.001 M parameters"

    def refuse(*given):
        raise NotImplementedError("no meta tensors")

    monkeypatch.setattr("segbox.engine.logs.costs_of", refuse)
    assert describe_model(config, model, 7, (32, 48)).endswith(
        ", GFLOPs not counted (NotImplementedError: 'no meta tensors')"
    )


@pytest.mark.parametrize("is_resumed", [False, True])
def test_only_a_new_run_tells_what_its_model_begins_with(is_resumed, caplog):
    model = nn.Linear(2, 2)
    config = SimpleNamespace(model={"backbone": {"type": "VGG"}}, optimizer={"type": "SGD", "lr": 0.1})
    data, settings = SimpleNamespace(batch_size=2), SimpleNamespace(shard=None)
    images = build_dataset({"type": "ShapesDataset", "num_images": 4, "size": (32, 32), "pipeline": []})
    with caplog.at_level(logging.INFO, "segbox"):
        describe_run(config, images, data, settings, 4, torch.device("cpu"), model, is_resumed, val_images=3)
    images = "4 training and 3 validation images, 7 classes, 4 steps of 2 images (2.0 epochs of 2 steps)"
    assert f"{images}, SGD with lr 0.1" in caplog.messages
    assert ("THE BACKBONE BEGINS AT RANDOM" in caplog.text) is not is_resumed
