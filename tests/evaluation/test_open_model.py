"""Models by name: whose config builds them, and which classes they have."""

import sys
from types import ModuleType

import pytest
import torch

from segbox.config import load_config
from segbox.errors import CheckpointError, ConfigError, DataError
from segbox.evaluation import open_model as opening
from segbox.evaluation.open_model import check_classes, open_model, own_config, settled
from segbox.interop.imported import Imported
from segbox.interop.saved import of_import, read_saved
from tests.tiny import random_batch, tiny_model
from tests.trained import CLASSES, random_weights, write_checkpoint

MODEL = {
    "type": "EncoderDecoder",
    "backbone": {"type": "ResNet", "variant": "test"},
    "decode_head": {"type": "FCNHead"},
    "num_classes": 5,
    "mean": (100.0, 110.0, 120.0),
    "std": (50.0, 51.0, 52.0),
}


@pytest.fixture
def imported(monkeypatch):
    """A function that lets "other://net" be a model of another library."""

    def put(**more):
        model = tiny_model(mean=MODEL["mean"], std=MODEL["std"])
        found = Imported(MODEL, random_weights(model), "another library's net", test={"mode": "slide"}, **more)
        monkeypatch.setattr(opening, "read_saved", lambda word: of_import(found, str(word)))
        return model.eval()

    return put


def test_a_checkpoint_says_all(tmp_path):
    opened = open_model(write_checkpoint(tmp_path))
    assert opened.classes == CLASSES and opened.names() == CLASSES and opened.palette()[2] == (20, 40, 60)
    assert opened.config["data"]["val"]["type"] == "ShapesDataset" and opened.saved.weights == {}
    assert opened.num_classes() == 7


def test_the_users_config_builds_a_checkpoint_of_a_run(tmp_path):
    path = write_checkpoint(tmp_path)
    config = load_config(tmp_path / "tiny.py", ["model.decode_head.channels=3"])
    with pytest.raises(CheckpointError, match=r"best\.pt: belongs to another model\n"):
        open_model(path, config)
    config = load_config(tmp_path / "tiny.py", ["data.val.size=(8, 8)"])
    assert open_model(path, config).config is config


def test_a_model_of_another_library_is_built_by_its_own_config(imported, tmp_path):
    model = imported(classes=("a", "b", "c", "d", "e"))
    write_checkpoint(tmp_path)
    config = load_config(tmp_path / "tiny.py")
    opened = open_model("other://net", config, num_classes=7)
    images = random_batch(1, 33, 47, 5)[0]
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(images), model(images))
    assert opened.config["data"] == config["data"] and opened.config["test"] == {"mode": "slide"}
    own = settled(opening.read_saved("other://net"), {**config, "test": {**config["test"], "flip": True}}, ())
    assert own["test"]["flip"] and own["test"]["mode"] == "whole"
    own["test"] = {"mode": "whole"}
    assert open_model("other://net", own).config["test"] == {"mode": "whole"}
    assert opened.classes == ("a", "b", "c", "d", "e") and len(opened.palette()) == 5


def test_classes_without_names_are_numbered(imported):
    imported()
    opened = open_model("other://net")
    assert opened.classes is None and opened.names() == ("class 0", "class 1", "class 2", "class 3", "class 4")
    check_classes(opened, ("a", "b", "c", "d", "e"))
    with pytest.raises(ConfigError, match="other://net has 5 classes; the config's data set has 2"):
        check_classes(opened, ("a", "b"))


def test_a_model_of_more_classes_than_a_byte_names():
    found = of_import(Imported({**MODEL, "num_classes": 300}, {}, "another library's net"), "other://net")
    with pytest.raises(DataError, match=r"^other://net: 300 classes; class maps and labels are bytes"):
        open_model(found)


def test_classes_are_compared_by_name(imported):
    imported(classes=("Road", "traffic light", "sky", "car", "person"))
    opened = open_model("other://net")
    check_classes(opened, ("road", "Traffic_Light", "sky", "car", "person"))
    for wrong in (("road", "sky", "traffic light", "car", "person"), ("road", "traffic light", "sky", "car")):
        with pytest.raises(
            ConfigError, match="other://net was trained on Road, traffic light, sky, car, person; the co"
        ):
            check_classes(opened, wrong)


def test_weights_without_a_config(tmp_path):
    path = write_checkpoint(tmp_path, config=None)
    with pytest.raises(CheckpointError, match=r"best\.pt: holds weights, but not the config of their model\. Name it"):
        open_model(path)
    assert open_model(path, load_config(tmp_path / "tiny.py")).classes == CLASSES


def test_a_checkpoint_does_not_choose_what_is_imported(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text("raise SystemExit('was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = write_checkpoint(tmp_path)
    content = torch.load(path, weights_only=True)
    content["config"]["imports"] = ["own_parts"]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"best\.pt: its model has parts of your own \(own_parts\), which a"):
        open_model(path)
    with pytest.raises(CheckpointError, match="parts of your own"):
        own_config(read_saved(path))
    monkeypatch.setitem(sys.modules, "own_parts", ModuleType("own_parts"))
    assert open_model(path).classes == CLASSES


def test_overrides_of_a_checkpoints_own_config(tmp_path, imported):
    path = write_checkpoint(tmp_path)
    config = own_config(read_saved(path), ["test.mode=slide", "test.window=24", "data.val.seed=5"])
    assert config.test.mode == "slide" and config.test.window == 24 and config.data.val.seed == 5
    assert own_config(read_saved(path)).test.mode == "whole"
    with pytest.raises(CheckpointError, match=r"tiny\.py: is a config, not a checkpoint; name a checkpoint behind it"):
        read_saved(tmp_path / "tiny.py")
    imported()
    with pytest.raises(ConfigError, match=r"'model.norm=GN': the model of other://net is fixed; data, test, metric"):
        own_config(opening.read_saved("other://net"), ["model.norm=GN"])


def test_a_model_that_names_its_data_set_is_scored_on_it(imported):
    imported(dataset="cityscapes", pipeline=({"type": "Resize", "short": 20},))
    val = own_config(opening.read_saved("other://net"), ["data.val.root=/somewhere"]).data.val
    assert val.type == "Cityscapes" and val.root == "/somewhere" and val.pipeline[0]["short"] == 20
    imported(classes=("a", "b", "c", "d", "e"))
    val = own_config(opening.read_saved("other://net")).data.val
    assert val.type == "FolderDataset" and val.classes == ["a", "b", "c", "d", "e"] and val.pipeline == []
    for count, has_background in ((150, False), (151, True)):
        imported(dataset="ade20k", classes=tuple(map(str, range(count))))
        assert own_config(opening.read_saved("other://net")).data.val.use_background == has_background
