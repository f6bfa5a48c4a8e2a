"""The pages for those who come from another library: both sides of what they compare are the same."""

import re
import shlex
import warnings
from pathlib import Path

import pytest
import torch

import segbox
from segbox.config import load_config
from segbox.data.loader import build_dataset
from segbox.engine.config_check import check_config
from segbox.interop.mmseg.config_text import read_text
from segbox.interop.mmseg.convert import convert
from segbox.models.complexity import build_without_data
from segbox.models.segmentors import build_segmentor, without_weights
from segbox.registry import BACKBONES, HEADS, LOSSES
from segbox.weights.mean_std import IMAGENET
from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import ROOT
from tests.test_docs import OWN_RUN, commands, parsed, python_blocks, run, section, steps_are_not_timed  # noqa: F401

MMSEG, SMP, TORCHVISION, YOLO = (
    ROOT / "docs" / f"from_{name}.md" for name in ("mmsegmentation", "smp", "torchvision", "ultralytics")
)
SETTING = re.compile(r"`((?:model|data|data_root|optimizer|train|test|hooks|seed)(?:\.\w+)*=[^`]+)`")


def write_pairs(folder: Path, images: str, masks: str, num_classes: int) -> None:
    for number, split in enumerate(("train", "val")):
        for i in range(3):
            write_image(folder / images / split / f"{i}.png", smooth_image(60, 80, seed=10 * number + i))
            write_image(folder / masks / split / f"{i}.png", blocky_label(60, 80, num_classes))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def settings_in(text: str) -> list[str]:
    """The overrides in the last cells of tables."""
    cells = [line.rsplit(" | ", 1)[-1] for line in text.splitlines() if line.startswith("| ")]
    return shlex.split(" ".join(setting for cell in cells for setting in SETTING.findall(cell)))


def execute(block: str) -> dict:
    names: dict = {}
    exec(block, names)
    return names


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
    args.cfg_options += [
        *OWN_RUN,
        "train.precision=fp32",
        "crop_size=(64,64)",
        "test.stride=(40,40)",
        "data.val.pipeline=[]",
    ]
    assert run(name, args) == 0
    assert "3 classes" in capsys.readouterr().out


def test_init_finds_the_folders_of_mmsegmentation(roads, capsys):
    name, args = parsed("segbox init data/roads")
    assert run(name, args) == 0, capsys.readouterr()


def test_each_setting_of_the_table_is_one(roads):
    overrides = settings_in(section(MMSEG, "Key by key").split("| Part of")[0])
    assert len(overrides) == 49
    for override in overrides:
        load_config(roads, [override])
    written(Path("data/roads/train.txt"), "train/0\n")
    together = [override for override in overrides if not override.startswith("hooks.lr_schedule=")]  # one of several
    config = load_config(roads, [*together, "data.train.split=None", "model.backbone_weights=None"])
    check_config(config, "model", "data", "optimizer", "train")
    assert len(build_dataset(config.data.train)) == 1


def test_frozen_stages(roads):
    config = load_config(roads, ["model.freeze_stages=2", "model.backbone.variant=18"])
    model = build_segmentor(without_weights(config.model), 3)
    frozen = {name.split(".")[0] for name, value in model.backbone.named_parameters() if not value.requires_grad}
    trained = {name.split(".")[0] for name, value in model.backbone.named_parameters() if value.requires_grad}
    assert trained == {"layer2", "layer3", "layer4"} and "layer1" in frozen and not frozen & trained


def test_the_parts_of_the_table_exist():
    rows = re.findall(r"^\| .* \| (`\w+`.*) \|$", section(MMSEG, "Key by key").split("| Part of")[1], re.M)
    names = re.findall(r"`([A-Z]\w+)`", " ".join(rows))
    assert len(names) == 25 and all(name in BACKBONES or name in HEADS for name in names), names


# --- smp -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "photo.jpg", smooth_image(65, 83, seed=1))
    return tmp_path


def test_a_model_of_smp_is_saved_and_opened(photo):
    save, load, state, _ = python_blocks(SMP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = execute(save)["model"]
    assert execute(load)["result"].classes.shape == (65, 83) and (photo / "photo_overlay.png").exists()
    torch.save(model.state_dict(), "unet.pth")
    execute(state)
    own, saved = (
        segbox.load(name, device="cpu")("photo.jpg").probabilities for name in ("mine.pt", "published/my_unet")
    )
    assert (own == saved).all()


def test_the_config_is_the_model_of_smp_and_trains(photo, capsys):
    import segmentation_models_pytorch as smp

    path = written(photo / "my_config.py", python_blocks(SMP)[3])
    ours = build_without_data(without_weights(load_config(path).model), 3)
    with torch.device("meta"):
        theirs = smp.Unet("resnet34", encoder_weights=None, classes=3)
    assert parameters(ours.backbone) + parameters(ours.decode_head) == parameters(theirs)
    write_pairs(photo / "my_data", "images", "annotations", num_classes=3)
    name, args = parsed("segbox train my_config.py")
    args.cfg_options += [*OWN_RUN, "data.train.pipeline.1.size=(64,64)"]
    assert run(name, args) == 0 and "3 classes" in capsys.readouterr().out


def parameters(model: torch.nn.Module) -> int:
    return sum(value.numel() for value in model.parameters())


def test_the_names_beside_those_of_smp_exist():
    rows = section(SMP, "The same model in a config").split("| smp |")[1].split("## ")[0].splitlines()
    names = re.findall(r"`(SMP\w+|\w+Loss)(?:`|\()", " ".join(row.split(" | ")[-1] for row in rows))
    assert len(names) == 7 and all(name in HEADS or name in LOSSES for name in names), names


def test_smp_takes_a_misspelled_argument_in_silence():
    import segmentation_models_pytorch as smp

    with torch.device("meta"):
        model = smp.Unet("resnet18", encoder_weights=None, clases=3)
    assert model.segmentation_head[0].out_channels == 1


# --- torchvision -----------------------------------------------------------------------------------------------------


def test_a_state_dict_of_torchvision_is_imported(photo):
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    model = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    torch.save(model.state_dict(), "model_29.pth")
    execute(python_blocks(TORCHVISION)[1])
    assert segbox.load("mine.pt", device="cpu")("photo.jpg").probabilities.shape == (3, 65, 83)


def test_the_settings_of_the_reference_script_are_ours():
    overrides = settings_in(section(TORCHVISION, "The reference script"))
    assert len(overrides) == 13
    config = load_config("deeplabv3/deeplabv3_r50_coco_voc", overrides)
    check_config(config, "model", "data", "optimizer", "train")
    plain = load_config("deeplabv3/deeplabv3_r50_coco_voc")
    for setting in ("data.batch_size=32", "optimizer.lr=0.02", "train.max_epochs=30", "optimizer.weight_decay=1e-4"):
        assert setting in overrides  # which is what the config has
        section_, name = setting.split("=")[0].split(".")
        assert config[section_][name] == plain[section_][name]


# --- Ultralytics -----------------------------------------------------------------------------------------------------


def test_a_data_set_of_ultralytics_is_converted_and_trains(photo, capsys):
    source = photo / "datasets" / "roads"
    for number, split in enumerate(("train", "val")):
        for i in range(3):
            write_image(source / f"images/{split}/{i}.png", smooth_image(60, 80, seed=10 * number + i))
            (source / f"labels/{split}").mkdir(parents=True, exist_ok=True)
            written(source / f"labels/{split}/{i}.txt", f"{i % 2} 0.{i + 1} 0.1 0.9 0.1 0.9 0.8\n")
    written(source / "data.yaml", "path: x\ntrain: images/train\nval: images/val\nnames: [road, house]\n")
    for line in commands(YOLO):
        name, args = parsed(line)
        assert run(name, args) == 0, capsys.readouterr()
    overrides = settings_in(section(YOLO, "Commands"))
    assert len(overrides) == 13
    config = load_config("configs/my_data.py", overrides)
    check_config(config, "model", "data", "optimizer", "train")
    name, args = parsed("segbox train configs/my_data.py")
    args.cfg_options += [*OWN_RUN, "crop_size=(64,64)"]
    assert run(name, args) == 0
    names = execute(python_blocks(YOLO)[0])
    assert names["result"].names == ("background", "road", "house")


def test_the_commands_beside_those_of_yolo_are_understood():
    for line in re.findall(r"\| `(segbox [^`]+)`", section(YOLO, "Commands")):
        parsed(line)
