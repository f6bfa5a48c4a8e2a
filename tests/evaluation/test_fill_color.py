"""In training and in evaluation the model sees its mean where there is no image."""

import cv2
import numpy as np
import pytest
import torch

from segbox.config import Config, load_config
from segbox.data.loader import build_dataset
from segbox.data.readers.files import read_image
from segbox.engine.build import build_runner
from segbox.evaluation.evaluator import Evaluator
from segbox.evaluation.fill_color import fill_with_mean, mean_without_building
from tests.runs import run_tool, tiny_runner, write_config
from tests.tiny import tiny_model

CROP = """
data = dict(
    train=dict(pipeline=[dict(type="RandomCrop", size=(48, 64)), dict(type="PhotoMetricDistortion")]), workers={workers}
)
"""
WRAPPED = """
crop = [dict(type="RandomCrop", size=(48, 64)), dict(type="PhotoMetricDistortion")]
shapes = dict(type="ShapesDataset", num_images=4, size=(40, 56))
repeated = dict(type="RepeatDataset", dataset="${shapes}", times=2)
data = dict(
    train=dict(_delete_=True, type="ConcatDataset", datasets=["${repeated}", "${shapes}"], pipeline="${crop}"),
    workers=0,
)
"""


def child_runner(folder, text, overrides=()):
    folder.mkdir(exist_ok=True)
    write_config(folder)
    return build_runner(load_config(write_config(folder, text, "child.py"), overrides), folder, torch.device("cpu"))


def beside(images):
    """The pixels right of and below images of 40 x 56: N C."""
    right, below = images[:, :, :, 56:], images[:, :, 40:, :56]
    return torch.cat([part.flatten(2) for part in (right, below)], dim=2).movedim(1, 2).flatten(0, 1)


@pytest.mark.parametrize("text", [CROP.format(workers=0), CROP.format(workers=1), WRAPPED])
def test_training_is_filled_with_the_mean(tmp_path, text):
    runner = child_runner(tmp_path, f"{text}model = dict(mean=(10, 100.4, 200.6))\n")
    images = next(iter(runner.train_batches(0)))["images"]
    assert beside(images).unique(dim=0).tolist() == [[10, 100, 201]]


def test_after_resume_it_is_the_mean_that_holds(tmp_path):
    """The config states none: the checkpoint's holds."""
    first = tiny_runner(tmp_path / "a", ["model.mean=50", "train.max_steps=1", "hooks.evaluate=None"])
    first.train()
    runner = child_runner(tmp_path / "b", CROP.format(workers=0))
    runner.resume(tmp_path / "a" / "last.pt")
    assert set(beside(next(iter(runner.train_batches(0)))["images"]).flatten().tolist()) == {50}


def test_evaluation_is_filled_with_the_mean():
    seen = []

    class Model(torch.nn.Module):
        mean = torch.tensor([7.0, 8.0, 9.0]).view(3, 1, 1)

        def forward(self, images):
            seen.append(images)
            return torch.zeros(len(images), 7, *images.shape[2:])

    val = {"type": "ShapesDataset", "num_images": 2, "size": (40, 56)}
    config = Config(data={"val": val, "workers": 0}, test={"mode": "crop", "window": (40, 100)})
    Evaluator(config, torch.device("cpu"))(Model())
    for images in seen:
        assert images.shape[2:] == (40, 100)
        assert (images[:, :, :, :22] == Model.mean.byte()).all() and (images[:, :, :, 78:] == Model.mean.byte()).all()


def test_a_data_set_alone_fills_with_black():
    config = {"type": "ShapesDataset", "num_images": 1, "size": (40, 56), "pipeline": [{"type": "Pad", "size": 60}]}
    dataset = build_dataset(config)
    assert not dataset[0, 0]["image"][40:].any()
    fill_with_mean(dataset, torch.nn.Identity())  # a model with ways of its own
    assert not dataset[0, 0]["image"][40:].any()
    fill_with_mean(dataset, tiny_model(mean=3))
    assert (dataset[0, 0]["image"][40:] == 3).all()


def test_the_mean_of_a_config(tmp_path):
    parts = {"type": "EncoderDecoder", "backbone": {"type": "ResNet", "variant": "test"}}
    assert mean_without_building(parts) == (123.675, 116.28, 103.53)
    assert mean_without_building({**parts, "mean": 4}) == (4.0, 4.0, 4.0)
    torch.save(tiny_model(mean=20).state_dict(), tmp_path / "a.pt")
    for argument in ("weights", "backbone_weights"):
        assert mean_without_building({**parts, argument: str(tmp_path / "a.pt")}) == (20.0, 20.0, 20.0)
    deep = {"type": "ResNet", "variant": "test", "in_channels": 2}
    assert mean_without_building({**parts, "backbone": deep, "mean": (300, 2000.5)}) == (300.0, 2000.5)


def test_the_sheet_shows_what_the_model_sees(tmp_path, monkeypatch):
    write_config(tmp_path)
    config = write_config(tmp_path, CROP.format(workers=0) + "model = dict(mean=(255, 0, 255))", "child.py")
    assert load_config(config).model.mean == (255, 0, 255)
    assert run_tool(monkeypatch, "browse_dataset.py", config, "--out", tmp_path / "sheet.png", "--num", 4) == 0
    sheet = read_image(tmp_path / "sheet.png")
    assert cv2.inRange(sheet, np.array([255, 0, 255]), np.array([255, 0, 255])).any()
