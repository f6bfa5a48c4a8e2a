"""What a word, a file or a folder is."""

import json

import pytest
import safetensors.torch
import torch

from segbox.errors import CheckpointError, UserError
from segbox.interop.imported import Imported
from segbox.interop.saved import of_import, read_saved
from tests.trained import CLASSES, write_checkpoint


def test_a_checkpoint_of_a_run(tmp_path):
    saved = read_saved(write_checkpoint(tmp_path))
    assert saved.classes == list(CLASSES) and not saved.stands_alone and saved.scores == {"mIoU": 41.5}
    assert saved.config["model"]["type"] == "EncoderDecoder" and not {"train", "hooks"} & set(saved.config)
    assert "decode_head.classify.weight" in saved.weights
    assert str(tmp_path) in saved.source and str(tmp_path) not in saved.origin


@pytest.mark.parametrize(
    ("hooks", "config", "scores"),
    [
        ({"evaluate": {"highest": 41.5, "highest_step": 2}}, {}, {}),  # of another step
        (
            {"evaluate": {"highest": 41.5, "highest_step": 4}},
            {"hooks": {"evaluate": {"best": "mDice"}}},
            {"mDice": 41.5},
        ),
        ({"evaluate": {"highest": None, "highest_step": 4}}, {}, {}),
        ({}, {}, {}),
        (None, None, {}),
    ],
)
def test_the_score_is_that_of_the_checkpoint(tmp_path, hooks, config, scores):
    assert read_saved(write_checkpoint(tmp_path, hooks=hooks, config=config)).scores == scores


def test_averaged_weights_are_taken(tmp_path):
    averaged = {"decode_head.classify.bias": torch.arange(7.0)}
    assert list(read_saved(write_checkpoint(tmp_path, ema=averaged)).weights) == ["decode_head.classify.bias"]


def test_bare_weights(tmp_path):
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pt")
    saved = read_saved(tmp_path / "a.pt")
    assert list(saved.weights) == ["w"] and saved.config == {} and saved.classes is None
    safetensors.torch.save_file({"w": torch.ones(1)}, tmp_path / "a.safetensors", {"format": "pt"})
    assert list(read_saved(tmp_path / "a.safetensors").weights) == ["w"]


def test_a_file_of_ours_under_any_name(tmp_path):
    header = {"segbox": json.dumps({"segbox": "0.1.0", "model": {"num_classes": 2}, "classes": ["a", "b"]})}
    for name in ("a.safetensors", "a.pth"):
        safetensors.torch.save_file({"w": torch.ones(1)}, tmp_path / name, header)
        saved = read_saved(tmp_path / name)
        assert saved.stands_alone and saved.classes == ["a", "b"] and saved.config == {"model": {"num_classes": 2}}


def folder(path, config, weights=None):
    path.mkdir()
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights is not None:
        safetensors.torch.save_file(weights, path / "model.safetensors")
    return path


def test_a_folder_of_ours(tmp_path):
    config = {"segbox": "0.1.0", "model": {"type": "EncoderDecoder"}, "classes": ["a"], "scores": {"mIoU": 5.0}}
    saved = read_saved(folder(tmp_path / "a", config, {"w": torch.ones(1)}))
    assert saved.stands_alone and saved.classes == ["a"] and saved.scores == {"mIoU": 5.0}
    assert saved.config == {"model": {"type": "EncoderDecoder"}} and list(saved.weights) == ["w"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("<!DOCTYPE html>", r"config\.json: is no JSON"),
        ("[1]", r"config\.json: expected a dict, got \[1\]"),
        ({"foo": 1}, r"its config\.json is none of segbox, transformers or segmentation_models_pytorch; it has foo"),
        ({"segbox": "0.1.0", "model": 5}, r"its config's model is 5, not a dict"),
        ({"segbox": "0.1.0", "model": {}, "weights": "../../passwords"}, None),  # never a file outside of the folder
    ],
)
def test_folders_of_something_else(tmp_path, config, message):
    path = folder(tmp_path / "a", config, {"w": torch.ones(1)})
    if message is None:
        assert list(read_saved(path).weights) == ["w"]
    else:
        with pytest.raises(CheckpointError, match=message):
            read_saved(path)


def test_incomplete_folders(tmp_path):
    with pytest.raises(CheckpointError, match=r"holds no config\.json, so it is no published model; name"):
        read_saved(tmp_path)
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors; copy the whole folder"):
        read_saved(folder(tmp_path / "a", {"segbox": "0.1.0"}))


@pytest.mark.parametrize("config", [5, {"model": "resnet"}, {"test": [1]}])
def test_configs_in_checkpoints_that_are_none(tmp_path, config):
    with pytest.raises(UserError, match=r"best\.pt: its config"):
        read_saved(write_checkpoint(tmp_path, config=config))


def test_a_web_page(tmp_path):
    (tmp_path / "best.pt").write_text("<!DOCTYPE html><html>sign in</html>")
    with pytest.raises(CheckpointError) as caught:
        read_saved(tmp_path / "best.pt")
    assert "best.pt: is " in str(caught.value) and "\n" not in str(caught.value)


def test_the_mean_and_std_of_another_library_are_among_the_weights():
    model = {"type": "EncoderDecoder", "mean": (1.0, 2.0, 3.0), "std": (4.0, 5.0, 6.0)}
    saved = of_import(Imported(model, {"w": torch.ones(1)}, "somebody's net", classes=("a",), licence="mit"), "x://y")
    assert saved.weights["mean"].shape == (3, 1, 1) and saved.weights["std"].flatten().tolist() == [4.0, 5.0, 6.0]
    assert saved.stands_alone and saved.source == "x://y" and saved.licence == "mit" and saved.classes == ("a",)
