"""The script that runs exported files, with runtimes that are made up."""

import sys

import cv2
import numpy as np
import pytest
import torch

from segbox.evaluation.inference import slide, starts, whole_image
from segbox.export import run_segbox
from segbox.export.run_segbox import Exported, Mistake, class_map
from segbox.viz.overlay import overlay
from tests.faulty_data import smooth_image, write_image

PALETTE = [[200, 0, 0], [0, 200, 0], [0, 0, 200]]


def logits_of(images):
    """Three scores that depend on the window: an edge of zeros is seen from its border."""
    x = images.astype(np.float32) / 64
    blurred = (np.roll(x, 3, axis=2) + np.roll(x, 2, axis=3)) / 2
    return blurred * np.array([1, 1.1, 0.9], np.float32)[:, None, None]


def model_of(run=logits_of, **metadata):
    known = dict(input="uint8", channels=3, bits=8, exif=True, size=None, window=None, output="logits")
    return Exported({**known, "palette": PALETTE, "classes": ["a", "b", "c"], **metadata}, run)


@pytest.mark.parametrize(("length", "window", "stride"), [(100, 64, 40), (64, 64, 40), (65, 64, 40), (200, 50, 50)])
def test_windows_start_where_those_of_segbox_do(length, window, stride):
    assert run_segbox.starts(length, window, stride) == starts(length, window, stride)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@pytest.mark.parametrize("size", [(70, 101), (30, 101), (20, 33)])
def test_windows_are_blended_as_by_segbox(output, size):
    def run(images):
        return logits_of(images) if output == "logits" else run_segbox.softmax(logits_of(images))

    image = smooth_image(*size)
    found = class_map(model_of(run, window=[32, 48], stride=[20, 30], output=output), image)
    images = torch.from_numpy(image.transpose(2, 0, 1)[None].copy())
    network = whole_image(lambda images: torch.from_numpy(logits_of(images.numpy())))
    expected = slide(network, (32, 48), (20, 30))(images).classes(size)[0].numpy()
    assert len(np.unique(expected)) > 1 and (found == expected).mean() > 0.999


def test_whole_images():
    image = smooth_image(30, 40)
    expected = logits_of(image.transpose(2, 0, 1)[None])[0].argmax(0)
    assert (class_map(model_of(), image) == expected).all()
    classes = model_of(lambda images: logits_of(images).argmax(1).astype(np.uint8), output="classes")
    assert (class_map(classes, image) == expected).all()


@pytest.mark.parametrize("window", [None, [32, 32]])
def test_a_file_of_one_size_refuses_others(window):
    model = model_of(size=[32, 32], window=window, stride=[20, 20])
    assert class_map(model, smooth_image(32, 32)).shape == (32, 32)
    with pytest.raises(Mistake, match="has 30x40 pixels"):
        class_map(model, smooth_image(30, 40))


def run_main(monkeypatch, model, *arguments):
    monkeypatch.setattr(run_segbox, "open_exported", lambda path, threads: model)
    monkeypatch.setattr(sys, "argv", ["run_segbox.py", "model.onnx", *map(str, arguments)])
    return run_segbox.main()


def test_a_folder_with_a_bad_picture(tmp_path, monkeypatch, capsys):
    for name in ("a.png", "deeper/a.png"):
        write_image(tmp_path / "in" / name, smooth_image(30, 40))
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert run_main(monkeypatch, model_of(), tmp_path / "in", "--out", out, "--save", "mask,color,overlay") == 2
    told = capsys.readouterr()
    assert told.out.startswith("2 image(s): mask, color, overlay in") and told.err.count("error: ") == 1
    assert "b.png: is no image that OpenCV can read" in told.err
    assert sorted(path.name for path in (out / "deeper").iterdir()) == ["a_color.png", "a_mask.png", "a_overlay.png"]
    mask, picture = cv2.imread(str(out / "a_mask.png"), cv2.IMREAD_UNCHANGED), cv2.imread(str(out / "a_overlay.png"))
    image = cv2.imread(str(tmp_path / "in/a.png"))[..., ::-1]
    assert (mask == class_map(model_of(), image)).all()
    assert np.abs(picture[..., ::-1].astype(int) - overlay(image, mask, PALETTE)).max() <= 1
    assert run_main(monkeypatch, model_of(), tmp_path / "in", "--out", out) == 2
    assert "a_mask.png exists; move it, or choose another folder by --out" in capsys.readouterr().err


def test_pictures_without_opencv(tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    write_image(tmp_path / "a.png", smooth_image(30, 40))
    known = model_of().metadata
    by_opencv = run_segbox.read_image(tmp_path / "a.png", known)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert (run_segbox.read_image(tmp_path / "a.png", known) == by_opencv).all()
    run_segbox.write_png(tmp_path / "b.png", by_opencv)
    assert (run_segbox.read_image(tmp_path / "b.png", known) == by_opencv).all()


def test_deep_images_are_arrays(tmp_path):
    known = model_of(channels=5, bits=32, input="float32").metadata
    np.save(tmp_path / "a.npy", np.ones((4, 6, 5), np.float32))
    assert run_segbox.read_image(tmp_path / "a.npy", known).shape == (4, 6, 5)
    np.save(tmp_path / "b.npy", np.ones((4, 6, 3), np.float32))
    with pytest.raises(Mistake, match=r"takes images of 5 channel\(s\), this one is 4x6x3"):
        run_segbox.read_image(tmp_path / "b.npy", known)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.onnx", "there is no such file"), ("model.pt", "expected a file .onnx or .xml that segbox export wrote")],
)
def test_wrong_models(tmp_path, name, message):
    with pytest.raises(Mistake, match=message):
        run_segbox.open_exported(tmp_path / name)


def test_a_missing_runtime_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Mistake, match="needs onnxruntime: pip install onnxruntime"):
        run_segbox.open_exported(tmp_path / "a.onnx")
