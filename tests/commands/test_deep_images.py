"""From a bare folder of deep or many-channelled images to predictions, by the commands that a user would give."""

import cv2
import numpy as np
import pytest

from segbox.config import load_config
from segbox.data.readers.files import read_image
from tests.faulty_data import blocky_label, deep_image, write_deep_png, write_image
from tests.runs import run_tool
from tests.tiff_files import write_tiff
from tests.tiny import others_are_slow

SIZE = (64, 80)
KINDS = {"grey16": (1, 16, "png"), "rgb16": (3, 16, "png"), "five16": (5, 16, "tif"), "float2": (2, 32, "tif")}
FAST = [
    "model.backbone.variant=test",
    "model.backbone_weights=None",
    "data.workers=0",
    "data.batch_size=2",
    "train.max_steps=2",
]
FAST += ["hooks.lr_schedule.warmup_steps=1", "hooks.evaluate.interval=2"]


def write_set(root, channels, bits, suffix):
    """Classes that are told apart by levels between those of bytes."""
    for i in range(6):
        label = np.roll(blocky_label(*SIZE, num_classes=3), 9 * i, axis=1)
        image = deep_image(*SIZE, channels, seed=i, kind="uint16" if bits == 16 else "float32")
        image = image + label[:, :, None].astype(image.dtype) * (5 if bits == 16 else 0.01)
        path = root / f"images/{i}.{suffix}"
        write_deep_png(path, image) if suffix == "png" else write_tiff(path, image.astype(image.dtype))
        write_image(root / f"masks/{i}.png", label)
    return root


@pytest.mark.parametrize("name", others_are_slow(KINDS, ("rgb16", "float2")))
def test_from_a_folder_to_predictions(monkeypatch, capsys, tmp_path, name):
    channels, bits, suffix = KINDS[name]
    write_set(tmp_path / name, channels, bits, suffix)
    monkeypatch.chdir(tmp_path)

    assert run_tool(monkeypatch, "check_dataset.py", name, "--workers", 0) == 0
    assert f"{channels} channels of {bits} bits" in capsys.readouterr().out
    assert run_tool(monkeypatch, "init_dataset.py", name, "--out", "c.py", "--workers", 0, "--no-measure") == 0
    config = load_config("c.py")
    assert (config.data.train.bits, config.data.val.bits) == (bits, bits) and len(config.model.mean) == channels
    found = [t for t in config.data.train.pipeline if t["type"] == "PhotoMetricDistortion"]
    assert [t["white"] for t in found] == ([4095] if channels == 3 else [])

    assert run_tool(monkeypatch, "check_dataset.py", "c.py", "--workers", 0, "--html", "page.html") == 0
    assert "ready to train" in capsys.readouterr().out
    assert run_tool(monkeypatch, "browse_dataset.py", "c.py", "--num", 2, "--out", "sheet.png") == 0
    assert read_image("sheet.png").std() > 20
    options = ["--device", "cpu", "--cfg-options", *FAST]
    assert run_tool(monkeypatch, "train.py", "c.py", "--work-dir", "run", *options) == 0
    assert "<h2>Worst images" in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert run_tool(monkeypatch, "test.py", "c.py", "run/last.pt", "--show-dir", "shown", *options) == 0
    assert "mIoU" in capsys.readouterr().out and next((tmp_path / "shown").iterdir())
    words = ("c.py", "run/last.pt", f"{name}/images", "--out", "predicted", "--save", "mask,overlay,probs")
    assert run_tool(monkeypatch, "predict.py", *words, *options) == 0
    mask = cv2.imread("predicted/3_mask.png", cv2.IMREAD_UNCHANGED)
    assert mask.shape == SIZE and mask.max() < 3 and np.load("predicted/3_probs.npy").shape == (3, *SIZE)


def test_bytes_for_a_model_of_16_bits(monkeypatch, capsys, tmp_path):
    write_set(tmp_path / "set", 3, 16, "png")
    monkeypatch.chdir(tmp_path)
    run_tool(monkeypatch, "init_dataset.py", "set", "--out", "c.py", "--workers", 0, "--no-measure")
    options = ["--device", "cpu", "--cfg-options", *FAST]
    assert run_tool(monkeypatch, "train.py", "c.py", "--work-dir", "run", *options) == 0
    write_image(tmp_path / "bytes.png", np.zeros((*SIZE, 3), np.uint8))
    capsys.readouterr()
    assert run_tool(monkeypatch, "predict.py", "c.py", "run/last.pt", "bytes.png", *options) == 2
    assert "bytes.png: has 8 bits a channel (uint8), bits=16 (uint16) was asked for" in capsys.readouterr().err
    assert (
        run_tool(monkeypatch, "train.py", "c.py", "--work-dir", "bytes", *options, "model.mean=116.0", "model.std=57.0")
        == 2
    )
    assert "are in other units than the images of data.train" in capsys.readouterr().err
