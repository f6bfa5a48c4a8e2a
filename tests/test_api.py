"""segbox.load: the three lines of the README."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import segbox
from segbox.errors import CheckpointError, ConfigError, DataError
from tests.faulty_data import smooth_image, write_image
from tests.runs import ROOT
from tests.trained import CLASSES, write_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded")
    write_checkpoint(folder)
    write_image(folder / "photo.png", smooth_image(41, 57))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return segbox.load(folder / "best.pt", device="cpu")


def test_a_photo(model, folder):
    result = model(str(folder / "photo.png"))
    assert result.classes.shape == (41, 57) and result.classes.dtype == np.uint8 and result.names == CLASSES
    assert result.probabilities.shape == (7, 41, 57) and result.probabilities is result.probabilities
    assert (result.probabilities.argmax(0) == result.classes).all()
    overlay = result.overlay(opacity=1)
    assert overlay.shape == (41, 57, 3) and (overlay == np.array(result.palette)[result.classes]).all()
    assert "41x57" in repr(result) and "%" in repr(result) and "best.pt" in repr(model)


def test_how_sure_it_is_and_how_much_of_what(model, folder, tmp_path):
    result = model(folder / "photo.png")
    own = result.probabilities
    assert np.allclose(result.confidence, own.max(0), atol=1e-6) and result.confidence is result.confidence
    assert np.allclose(result.entropy, -(own * np.log(own)).sum(0) / np.log(7), atol=1e-5)
    assert result.areas() == pytest.approx({name: (result.classes == i).mean() for i, name in enumerate(CLASSES)})
    for kind in ("confidence", "entropy"):
        picture = cv2.imread(str(result.save(tmp_path / f"{kind}.png", kind)), cv2.IMREAD_UNCHANGED)
        assert (picture == np.rint(255 * getattr(result, kind))).all() and picture.dtype == np.uint8
    assert "data:image/png;base64," in result._repr_html_() and CLASSES[result.classes[0, 0]] in result._repr_html_()


def test_what_it_takes(model, folder):
    pixels = cv2.imread(str(folder / "photo.png"))
    expected = model(folder / "photo.png")
    assert (model(pixels[..., ::-1]).probabilities == expected.probabilities).all()  # RGB, and not contiguous
    assert (model(Image.open(folder / "photo.png")).classes == expected.classes).all()
    assert (model(Image.open(folder / "photo.png").convert("RGBA")).classes == expected.classes).all()
    several = model([folder / "photo.png", pixels])
    assert len(several) == 2 and (several[0].classes == expected.classes).all()
    assert [result.classes.shape for result in model.stream(iter([pixels]))] == [(41, 57)]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5)), "the model takes arrays of H W 3, not of 4 5 1"),
        (np.zeros((3, 40, 50), np.uint8), "the model takes arrays of H W 3, not of 3 40 50"),
        (np.zeros((4, 5, 3), np.float32), "the model takes arrays of uint8, not of float32"),
        (np.zeros((0, 5, 3), np.uint8), "not of 0 5 3"),
        (torch.zeros(3, 4, 5), r"an image is a path, an array \(H W C, RGB\) or a PIL image, not torch.Tensor"),
        (None, "not NoneType: None"),
        (".", r"\.: is a folder; give a list of its files"),
        ("gone.png", "gone.png"),
    ],
)
def test_what_it_refuses(model, image, message):
    with pytest.raises(DataError, match=message):
        model(image)


def test_results_are_saved(model, folder, tmp_path):
    result = model(folder / "photo.png")
    result.save(tmp_path / "o.png")
    result.save(tmp_path / "o.png")  # again
    result.save(tmp_path / "m.png", "mask")
    result.save(tmp_path / "p.npy", kind="probs")
    assert (cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED) == result.classes).all()
    assert np.load(tmp_path / "p.npy").shape == (7, 41, 57) and cv2.imread(str(tmp_path / "o.png")).shape[2] == 3
    for path, kind, message in (
        (folder / "photo.png", "overlay", "photo.png would be written over"),
        (tmp_path / "m.jpg", "mask", "the ids of a mask would not survive in this format"),
        (tmp_path / "m.jpg", "entropy", "the values would not survive in this format; write a .png"),
        (tmp_path / "p.png", "probs", "probabilities are written as .npy"),
        (tmp_path / "p.xyz", "color", "pictures are written as"),
        (
            tmp_path / "p.png",
            "masks",
            "'masks' is none of overlay, mask, color, confidence, entropy, probs. Did you mean \"mask\"?",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            result.save(path, kind)


def test_a_pickled_model_is_its_path_and_opens_when_it_is_called(model, folder, monkeypatch):
    monkeypatch.chdir(folder)
    relative = segbox.load("best.pt", "cpu")
    for own in (model, relative):
        data = pickle.dumps(own)
        assert len(data) < 1000
        monkeypatch.chdir(ROOT)
        copy = pickle.loads(data)
        assert "opened" not in vars(copy.predictor)
        assert (copy(folder / "photo.png").classes == model(folder / "photo.png").classes).all()
        assert "opened" in vars(copy.predictor)


class TestPredictorOfBatches:
    """segbox.Predictor."""

    @pytest.fixture
    def rows(self, folder):
        images = [smooth_image(41, 57, seed=i) for i in range(3)] + [smooth_image(30, 20)]
        paths = [str(write_image(folder / f"rows/{i}.png", image)) for i, image in enumerate(images)]
        content = [Path(path).read_bytes() for path in paths]
        pixels = np.empty(4, dtype=object)
        pixels[:] = [cv2.imread(path)[..., ::-1] for path in paths]
        return {"path": np.array(paths), "bytes": content, "image": pixels}

    @pytest.mark.parametrize("source", ["path", "bytes", "image"])
    def test_rows_of_every_kind_are_predicted_as_images_are(self, folder, model, rows, source):
        own = segbox.Predictor(folder / "best.pt", device="cpu")
        found = own({"number": np.arange(4), source: rows[source]})
        assert sorted(found) == sorted({"number", "classes", "error"} | ({source} & {"path"}))
        assert list(found["error"]) == [""] * 4 and found["number"].tolist() == [0, 1, 2, 3]
        for label, image in zip(found["classes"], rows["image"]):
            assert (label == model(image).classes).all()

    def test_equal_sizes_are_one_array_with_all_columns(self, folder, model, rows):
        own = segbox.Predictor(
            folder / "best.pt", ("classes", "mask", "areas", "confidence", "entropy", "probs"), "cpu"
        )
        found = own({"image": np.stack(list(rows["image"][:3]))})
        assert found["classes"].shape == (3, 41, 57) and found["probs"].shape == (3, 7, 41, 57)
        assert found["areas"].sum(axis=1).tolist() == [41 * 57] * 3
        mask = cv2.imdecode(np.frombuffer(found["mask"][1], np.uint8), -1)
        expected = model(rows["image"][1])
        assert (mask == expected.classes).all() and np.allclose(found["entropy"][1], expected.entropy, atol=1e-6)
        assert np.allclose(found["confidence"][1], expected.confidence, atol=1e-6)

    def test_a_bad_row_is_told_in_its_column(self, folder, rows):
        content = [rows["bytes"][0], b"no image", rows["bytes"][1]]
        found = segbox.Predictor(folder / "best.pt", ("classes", "areas", "mask"), "cpu")({"bytes": content})
        assert [bool(error) for error in found["error"]] == [False, True, False]
        assert "is not an image" in found["error"][1] and found["classes"][1].shape == (0, 0)
        assert found["classes"][2].shape == (41, 57) and found["mask"][1] == b"" and not len(found["areas"][1])

    def test_it_is_pickled_without_weights_and_loads_at_the_first_call(self, folder, rows, monkeypatch):
        monkeypatch.chdir(folder)
        own = segbox.Predictor("best.pt", device="cpu")
        assert "model" not in vars(own)
        expected = own({"path": rows["path"]})["classes"]
        data = pickle.dumps(own)
        monkeypatch.chdir(ROOT)
        copy = pickle.loads(data)
        assert len(data) < 500 and "model" not in vars(copy)
        assert all((a == b).all() for a, b in zip(copy({"path": rows["path"]})["classes"], expected))

    def test_what_it_refuses(self, folder):
        with pytest.raises(ConfigError, match="'masks' is none of classes, mask, areas"):
            segbox.Predictor("gone.pt", ["masks"])
        with pytest.raises(DataError, match="the batch has the columns a, b; it needs one of image, bytes, path"):
            segbox.Predictor(folder / "best.pt", device="cpu")({"a": [1], "b": [2]})
        with pytest.raises(CheckpointError, match="there is no checkpoint"):
            segbox.Predictor("gone.pt")({"path": []})


def test_another_config_and_what_is_known_of_the_model(folder, model):
    own = segbox.load(folder / "best.pt", "cpu", config=folder / "tiny.py")
    assert own.config["train"]["max_steps"] == 6 and "train" not in model.config
    assert own.palette[1] == (10, 20, 30) and own.names == CLASSES
    logits = own.model(torch.zeros(1, 3, 33, 47, dtype=torch.uint8))
    assert logits.shape == (1, 7, 33, 47)


def test_saved_and_loaded_again(model, folder, tmp_path):
    again = segbox.load(model.save_pretrained(tmp_path / "a"), "cpu")
    photo = folder / "photo.png"
    assert (again(photo).probabilities == model(photo).probabilities).all()


def test_mistakes_are_told_when_it_is_loaded(tmp_path):
    (tmp_path / "a.pt").write_text("<html>sign in</html>")
    for word, message in (
        (tmp_path / "gone.pt", "there is no checkpoint"),
        (tmp_path / "a.pt", r"a\.pt: is "),
        (tmp_path, "holds no config.json"),
        ("nowhere://x", "there is no source 'nowhere'"),
    ):
        with pytest.raises(CheckpointError, match=message):
            segbox.load(word)


def test_importing_segbox_does_not_import_torch():
    code = (
        "import time, sys; start = time.perf_counter(); import segbox; took = time.perf_counter() - start\n"
        "assert 'torch' not in sys.modules and took < 1, took\n"
        "try:\n    segbox.lod\nexcept AttributeError as error:\n    print(error)\n"
        "assert 'torch' not in sys.modules"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "module 'segbox' has no attribute 'lod'\n" and time.perf_counter() - start < 20
