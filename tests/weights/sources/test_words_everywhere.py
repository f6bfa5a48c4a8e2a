"""The words that name a weight file, where configs and commands take one."""

import hashlib

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch

from segbox.evaluation.fill_color import mean_without_building
from segbox.weights.sources import torchvision
from tests.runs import run_tool, tiny_runner, write_config
from tests.tiny import tiny_model
from tests.weights.sources.server import Reply


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("trained")
    tiny_runner(folder, ["train.max_steps=1", "hooks.evaluate=None", "hooks.ema=None"]).train()
    return (folder / "last.pt").read_bytes()


def serve_as_torchvision(server, monkeypatch, content: bytes) -> None:
    """`torchvision://resnet18` is this content."""
    file = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.replies[f"/{file}"] = Reply(content)
    monkeypatch.setattr(torchvision, "URL", f"{server.url}/")
    monkeypatch.setitem(torchvision.FILES, "resnet18", {torchvision.V1: file})


def test_weights_and_backbone_weights(server, monkeypatch):
    model = tiny_model()
    server.replies["/whole.safetensors"] = Reply(safetensors.torch.save(dict(model.state_dict())))
    backbone = dict(model.backbone.state_dict())
    serve_as_torchvision(server, monkeypatch, safetensors.torch.save(backbone))
    whole = tiny_model(weights=f"{server.url}/whole.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in whole.state_dict().items())
    part = tiny_model(backbone_weights="torchvision://resnet18")
    assert all(torch.equal(value, backbone[name]) for name, value in part.backbone.state_dict().items())
    assert not torch.equal(part.decode_head.classify.weight, model.decode_head.classify.weight)


def test_the_messages_say_how_to_begin_without(server):
    for argument in ("weights", "backbone_weights"):
        with pytest.raises(ValueError, match=f"or begin without it: model.{argument}=None"):
            tiny_model(**{argument: f"{server.url}/gone.pth"})


def test_commands_take_a_word(server, checkpoint, tmp_path, monkeypatch, capsys):
    server.replies["/best.pt"] = Reply(checkpoint)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 56, 3), np.uint8))
    config, word = write_config(tmp_path), f"{server.url}/best.pt"
    assert run_tool(monkeypatch, "predict.py", config, word, tmp_path / "a.png", "--out", tmp_path / "out") == 0
    assert (tmp_path / "out").is_dir()
    assert run_tool(monkeypatch, "test.py", config, word, "--device", "cpu") == 0
    assert "mIoU" in capsys.readouterr().out and len(server.asked) == 1
    capsys.readouterr()
    assert run_tool(monkeypatch, "test.py", config, f"{server.url}/gone.pt", "--device", "cpu") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {server.url}/gone.pt: there is no such file (status 404). Check the address, ")
    assert len(error.splitlines()) == 1


def test_commands_that_need_no_weights_download_none(server, tmp_path, monkeypatch):
    word = f'"{server.url}/a.pth"'
    write_config(tmp_path)
    config = write_config(tmp_path, f"model = dict(weights={word}, backbone_weights={word})", "child.py")
    assert run_tool(monkeypatch, "show_config.py", config) == 0
    assert run_tool(monkeypatch, "get_params.py", config) == 0
    assert not server.asked


def test_the_mean_of_known_weights_needs_no_download():
    parts = {"type": "EncoderDecoder", "backbone": {"type": "MobileNetV1"}, "backbone_weights": "imagenet"}
    assert mean_without_building(parts) == (127.5, 127.5, 127.5)


def test_resume_takes_a_path_only(tmp_path, monkeypatch, capsys):
    arguments = (write_config(tmp_path), "--work-dir", tmp_path / "run", "--resume", "torchvision://resnet18")
    assert run_tool(monkeypatch, "train.py", *arguments) == 2
    assert "there is no checkpoint torchvision:/resnet18" in capsys.readouterr().err


def test_the_backbone_of_a_model_of_mmsegmentation(tmp_path):
    """Its file is found by its name, also for a backbone."""
    place = tmp_path / "segbox/mmseg/pspnet_r50-d8_512x1024_40k_cityscapes_20200605_003338-2966598c.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"another file")
    with pytest.raises(ValueError, match=f"^model: {place}: is not the file of https://download.openmmlab.com/mmseg"):
        tiny_model(backbone_weights="mmseg://pspnet_r50-d8_4xb2-40k_cityscapes-512x1024")
    with pytest.raises(ValueError, match="mmseg://pspnet: mmsegmentation has published no model of this name"):
        tiny_model(backbone_weights="mmseg://pspnet")
