"""The pages for those who come from another library: both sides of what they compare are the same."""

import re
import shlex
from pathlib import Path

import pytest

from segbox.config import load_config
from segbox.data.loader import build_dataset
from segbox.engine.config_check import check_config
from segbox.interop.mmseg.config_text import read_text
from segbox.interop.mmseg.convert import convert
from segbox.models.complexity import build_without_data
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import BACKBONES, HEADS
from segbox.weights.mean_std import IMAGENET
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import ROOT
from tests.test_docs import OWN_RUN, parsed, python_blocks, run, section

MMSEG = ROOT / "docs" / "from_mmsegmentation.md"
SETTING = re.compile(r"`((?:model|data|optimizer|train|test|hooks|seed)(?:\.\w+)*=[^`]+)`")


def write_pairs(folder: Path, images: str, masks: str, num_classes: int) -> None:
    for number, split in enumerate(("train", "val")):
        for i in range(3):
            write_image(folder / images / split / f"{i}.png", smooth_image(60, 80, seed=10 * number + i))
            write_image(folder / masks / split / f"{i}.png", blocky_label(60, 80, num_classes))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# --- mmsegmentation --------------------------------------------------------------------------------------------------


@pytest.fixture
def roads(tmp_path, monkeypatch):
    """The folder with data/roads and roads.py, as the page has them."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "data/roads", "img_dir", "ann_dir", num_classes=3)
    return written(tmp_path / "roads.py", python_blocks(MMSEG)[1])


def test_the_two_configs_are_the_same_model(roads):
    imported, config = convert(read_text(python_blocks(MMSEG)[0], "before"), {}), load_config(roads)
    theirs, ours = (build_without_data(without_weights(model), 3) for model in (imported.model, config.model))
    shapes = [{name: value.shape for name, value in model.state_dict().items()} for model in (theirs, ours)]
    assert shapes[0] == shapes[1] and shapes[0]
    assert all(imported.model[name] == pytest.approx(IMAGENET[name]) for name in ("mean", "std"))
    settings = {name: config.test[name] for name in ("mode", "window", "stride")}
    assert settings.items() <= imported.test.items()
    assert config.model.auxiliary_head.loss.loss_weight == 0.4


def test_the_new_config_trains(roads, capsys):
    name, args = parsed("segbox train roads.py")
    args.cfg_options += [*OWN_RUN, "train.amp=None", "crop_size=(64,64)", "test.stride=(40,40)", "data.val.pipeline=[]"]
    assert run(name, args) == 0
    assert "3 classes" in capsys.readouterr().out


def test_init_finds_the_folders_of_mmsegmentation(roads, capsys):
    name, args = parsed("segbox init data/roads")
    assert run(name, args) == 0, capsys.readouterr()


def test_each_setting_of_the_table_is_one(roads):
    lines = section(MMSEG, "Key by key").split("\n\n")[2].splitlines()
    settings = " ".join(setting for line in lines for setting in SETTING.findall(last_cell(line)))
    overrides = shlex.split(settings)
    assert len(overrides) == 45
    for override in overrides:
        load_config(roads, [override])
    written(Path("data/roads/train.txt"), "train/0\n")
    config = load_config(roads, [*overrides, "data.train.split=None", "model.backbone_weights=None"])
    check_config(config, "model", "data", "optimizer", "train")
    assert len(build_dataset(config.data.train)) == 1


def last_cell(line: str) -> str:
    """Of a row of a table."""
    return line.rsplit(" | ", 1)[-1]


def test_frozen_stages(roads):
    config = load_config(roads, ["model.freeze_stages=2", "model.backbone.variant=18"])
    model = build_segmentor(without_weights(config.model), 3)
    frozen = {name.split(".")[0] for name, value in model.backbone.named_parameters() if not value.requires_grad}
    trained = {name.split(".")[0] for name, value in model.backbone.named_parameters() if value.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"} and "layer1" in frozen and not frozen & trained


def test_the_parts_of_the_table_exist():
    rows = re.findall(r"^\| .* \| (`\w+`.*) \|$", section(MMSEG, "Key by key").split("| Part of")[1], re.M)
    names = re.findall(r"`([A-Z]\w+)`", " ".join(rows))
    assert len(names) == 11 and all(name in BACKBONES or name in HEADS for name in names), names
