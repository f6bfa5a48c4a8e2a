"""Files whose names hold line breaks, escape sequences or bytes that are no letters: all tools work and print none."""

import json
import os
import re
import sys

import cv2
import numpy as np
import pytest

from tests.faulty_data import blocky_label, smooth_image, write_image
from tests.runs import run_tool, write_config, written

NAMES = [
    "-rf",
    " two  spaces ",
    "😀 日本",
    "a\nerror: forged",
    "\x1b[31mred",
    "bad\udcff",
    "<img src=x onerror=y>",
    "${seed}",
]
DATA = """
crop_size = (16, 24)
data = dict(
    _delete_=True,
    train=dict(
        type="FolderDataset",
        root="{root}",
        split="train",
        pipeline=[dict(type="RandomCrop", size="${{crop_size}}")],
    ),
    val=dict(type="FolderDataset", root="{root}", split="val", pipeline=[]),
    batch_size=2,
    workers=0,
)
"""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")


def write_odd_pairs(root, split):
    for i, name in enumerate(NAMES):
        for folder, suffix, image in (
            ("images", ".jpg", smooth_image(24, 32, seed=i)),
            ("annotations", ".png", blocky_label(24, 32, 3)),
        ):
            path = root / folder / split / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cv2.imencode(suffix, image)[1].tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    for split in ("train", "val"):
        write_odd_pairs(folder / "set", split)
    (folder / "set/classes.txt").write_text("sky\nroad\ncar\n")
    write_config(folder)
    write_config(folder, DATA.format(root=folder / "set"), "odd.py")
    arguments = [
        folder / "odd.py",
        "--work-dir",
        folder / "run",
        "--device",
        "cpu",
        "--cfg-options",
        "train.max_steps=1",
    ]
    with pytest.MonkeyPatch.context() as patch:
        assert run_tool(patch, "train.py", *arguments) == 0
    return folder


def found(folder):
    return sorted(map(os.fsencode, written(folder)))


def named(pattern):
    return sorted(os.fsencode(pattern.format(name)) for name in NAMES)


def test_the_log_keeps_a_row_a_line(folder):
    rows = [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 1]  # of training, of evaluation


def test_scores_pictures_and_submissions(folder, monkeypatch, capsys):
    options = [
        "--device",
        "cpu",
        "--show-dir",
        folder / "shown",
        "--submit",
        folder / "sent",
        "--out",
        folder / "scores",
    ]
    assert run_tool(monkeypatch, "test.py", folder / "odd.py", folder / "run/last.pt", *options) == 0
    assert found(folder / "shown") == found(folder / "sent") == named("{}.png")
    assert not CONTROL.search(capsys.readouterr().out)


def test_predictions(folder, monkeypatch, capsys):
    arguments = [folder / "odd.py", folder / "run/last.pt", folder / "set/images/val", "--out", folder / "predicted"]
    assert run_tool(monkeypatch, "predict.py", *arguments, "--save", "overlay", "--device", "cpu") == 0
    assert found(folder / "predicted") == named("{}_overlay.png")
    assert not CONTROL.search(capsys.readouterr().out)


def test_the_doctor_and_the_sheet(folder, monkeypatch, capsys):
    files = ["--html", folder / "page.html", "--json", folder / "found.json", "--workers", "0"]
    assert run_tool(monkeypatch, "check_dataset.py", folder / "odd.py", *files) == 1  # train and val are the same
    said = capsys.readouterr().out
    assert r"/\x1b[31mred.jpg: the same as " in said and not CONTROL.search(said)
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert r"/a\nerror: forged.jpg: the same" in page and r"/bad\udcff.jpg: the same" in page
    assert "<img src=x" not in page and "&lt;img src=x onerror=y&gt;" in page and not CONTROL.search(page)
    files = [file["file"] for file in json.loads((folder / "found.json").read_text())["problems"][0]["files"]]
    assert any(file.endswith("/bad\udcff.jpg") for file in files)
    assert run_tool(monkeypatch, "browse_dataset.py", folder / "odd.py", "--out", folder / "sheet.png") == 0


def test_a_config_for_them(folder, monkeypatch, capsys):
    root = folder / 'a"""\nraise SystemExit(7)\n"""\\'
    (folder / "set").rename(root)
    try:
        assert run_tool(monkeypatch, "init_dataset.py", root, "--out", folder / "made.py", "--workers", "0") == 1
        assert run_tool(monkeypatch, "check_dataset.py", folder / "made.py", "--workers", "0") == 1
    finally:
        root.rename(folder / "set")
    assert "are in 'train' too" in capsys.readouterr().out


def test_lists_that_cannot_name_them_are_not_written(tmp_path, monkeypatch, capsys):
    write_odd_pairs(tmp_path, "")
    assert run_tool(monkeypatch, "init_dataset.py", tmp_path, "--out", tmp_path / "a.py", "--workers", "0") == 2
    message = capsys.readouterr().err
    assert "error: 4 names of images begin or end with spaces, or contain unprintable characters" in message
    assert not CONTROL.search(message) and not list(tmp_path.glob("*.txt"))


def test_a_mistake_in_such_a_file_is_told(folder, monkeypatch, capsys):
    write_image(folder / "set/annotations/train/\x1b[31mred.png", np.full((24, 32), 9, np.uint8))
    options = ["--work-dir", folder / "other", "--device", "cpu", "--cfg-options", "train.max_steps=8"]
    assert run_tool(monkeypatch, "train.py", folder / "odd.py", *options) == 2
    message = capsys.readouterr().err
    assert r"\x1b[31mred.png: the label holds ids that are no class: 9" in message and not CONTROL.search(message)
