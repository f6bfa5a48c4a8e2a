"""A published model: what is written, that it is read back with equal logits, and its card."""

import hashlib
import json

import numpy as np
import pytest
import torch

from segbox.config import load_config, shipped_configs
from segbox.errors import ConfigError, UserError
from segbox.evaluation.open_model import open_model
from segbox.evaluation.predictor import Predictor
from segbox.evaluation.pretrained_folder import link_by_hash, refuse_other_keys, save_pretrained
from segbox.models.complexity import build_without_data
from tests.runs import written
from tests.tiny import random_batch
from tests.trained import CLASSES, write_checkpoint

CPU = torch.device("cpu")
TEXT = """
model.update(mean=(1.0, 2.0, 3.0), weights="gone.pt")
model["decode_head"]["channels"] = 6
data["val"].update(exif=False, pipeline=[dict(type="Resize", short=20)])
test = dict(mode="slide", window=(12, 16))
"""


@pytest.fixture
def opened(tmp_path):
    (tmp_path / "run").mkdir()
    return open_model(write_checkpoint(tmp_path / "run", text=TEXT))


def test_what_is_written_is_read_back(opened, tmp_path):
    save_pretrained(opened, tmp_path / "a", licence="cc-by-4.0")
    assert written(tmp_path / "a") == ["README.md", "config.json", "model.safetensors"]
    images = random_batch(1, 33, 47, 7)[0]
    image = np.random.default_rng(0).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    expected = Predictor(None, tmp_path / "run" / "best.pt", CPU)
    for word in (tmp_path / "a", tmp_path / "a" / "model.safetensors"):
        again = open_model(word)
        with torch.no_grad():
            assert torch.equal(again.model.eval()(images), opened.model.eval()(images))
        assert again.classes == CLASSES and again.palette() == opened.palette()
        assert again.saved.licence == "cc-by-4.0" and again.saved.scores == {"mIoU": 41.5}
        predictor = Predictor(None, word, CPU)
        assert torch.equal(predictor.probabilities(image), expected.probabilities(image))
        assert not predictor.exif and predictor.bits == 8


def test_a_published_model_is_published_again(opened, tmp_path):
    save_pretrained(opened, tmp_path / "a")
    save_pretrained(open_model(tmp_path / "a"), tmp_path / "b")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_card(opened, tmp_path):
    save_pretrained(opened, tmp_path / "a", licence="cc-by-4.0", scores={"mIoU": 41.5, "IoU/circle": 7.25, "x": None})
    card = (tmp_path / "a" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: segbox\n") and "\nlicense: cc-by-4.0\n---\n" in card
    for text in (
        "| mIoU | 41.50 |",
        "| circle | 7.25 |",
        "ShapesDataset",
        "gone.pt, whose licence holds",
        "window=(12",
    ):
        assert text in card
    assert "the model subtracts (1, 2, 3)" in card and ", ".join(CLASSES) in card and str(tmp_path) not in card
    save_pretrained(opened, tmp_path / "b", licence='"mine":\n- x')
    card = (tmp_path / "b" / "README.md").read_text().split("---")[1]
    assert 'license: other\nlicense_name: "\\"mine\\":\\n- x"\n' in card
    save_pretrained(opened, tmp_path / "c")
    assert "not stated; ask the author" in (tmp_path / "c" / "README.md").read_text()


def test_files_of_others_are_not_replaced(opened, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"README\.md would be written over"):
        save_pretrained(opened, tmp_path / "a")
    assert written(tmp_path / "a") == ["README.md"] and (tmp_path / "a" / "README.md").read_text() == "mine"
    save_pretrained(opened, tmp_path / "b")
    save_pretrained(opened, tmp_path / "b")  # its own files are


def test_the_hash_in_the_name_is_that_of_the_file(opened, tmp_path):
    save_pretrained(opened, tmp_path)
    path = link_by_hash(tmp_path / "model.safetensors", "net")
    assert path.name == f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.safetensors"
    assert link_by_hash(tmp_path / "model.safetensors", "net") == path
    assert open_model(path).classes == CLASSES


def test_keys_that_json_has_not():
    refuse_other_keys({"a": [{"b": 1}]}, "config")
    with pytest.raises(ConfigError, match=r"config\.a\.0: its key 255 is no string"):
        refuse_other_keys({"a": [{255: 0}]}, "config")


def test_lists_build_what_tuples_build():
    """JSON has no tuples."""
    model = load_config(shipped_configs() / "unetplusplus/unetplusplus_plain_drive.py").model
    shapes = [
        {key: value.shape for key, value in build_without_data(own, 2).state_dict().items()}
        for own in (model, json.loads(json.dumps(model)))
    ]
    assert shapes[0] == shapes[1]
