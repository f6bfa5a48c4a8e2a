"""The command that predicts."""

import csv
import errno
import shlex
import sys

import cv2
import numpy as np
import pytest

from segbox.outputs import RECORD
from segbox.progress import ProgressBar
from segbox.viz.predictions import MOST_THREADS
from tests.doctor.broken_set import turn
from tests.faulty_data import blocky_label, cut, smooth_image, write_image
from tests.runs import run_tool, tiny_runner, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted")
    tiny_runner(folder, ["train.max_steps=1", "hooks.evaluate=None"]).train()
    for name in ("in/a.png", "in/b.jpg"):
        write_image(folder / name, smooth_image(41, 57))
    return folder


def predict(monkeypatch, folder, *arguments):
    monkeypatch.chdir(folder)
    return run_tool(monkeypatch, "predict.py", "tiny.py", "last.pt", *arguments)


def test_an_image(folder, monkeypatch, capsys):
    assert predict(monkeypatch, folder, "in/a.png", "--out", "one", "--save", "mask,color,overlay,probs") == 0
    assert capsys.readouterr().out == "1 image(s): mask, color, overlay, probs in one\n"
    mask = cv2.imread(str(folder / "one" / "a_mask.png"), cv2.IMREAD_UNCHANGED)
    probabilities = np.load(folder / "one" / "a_probs.npy")
    assert mask.shape == (41, 57) and mask.max() < 7 and probabilities.shape == (7, 41, 57)
    assert np.abs(probabilities.astype(np.float32).sum(axis=0) - 1).max() < 0.01


def test_confidence_entropy_and_areas_of_a_folder(folder, monkeypatch, capsys):
    assert predict(monkeypatch, folder, "in", "--out", "sure", "--save", "mask,confidence,entropy,areas") == 0
    assert capsys.readouterr().out == "2 image(s): mask, confidence, entropy, areas in sure\n"
    rows = list(csv.DictReader((folder / "sure/areas.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["image"] for row in rows] == ["a.png"] * 7 + ["b.jpg"] * 7
    mask = cv2.imread(str(folder / "sure/a_mask.png"), cv2.IMREAD_UNCHANGED)
    assert [int(row["pixels"]) for row in rows[:7]] == [(mask == i).sum() for i in range(7)]
    confidence, entropy = (
        cv2.imread(str(folder / f"sure/a_{kind}.png"), cv2.IMREAD_UNCHANGED) for kind in ("confidence", "entropy")
    )
    assert confidence.shape == entropy.shape == (41, 57) and confidence.min() >= 255 // 7
    (folder / "sure/areas.csv").write_text("mine")
    assert predict(monkeypatch, folder, "in", "--out", "sure", "--save", "areas") == 2
    assert "areas.csv would be written over, and was not written by segbox" in capsys.readouterr().err
    assert (folder / "sure/areas.csv").read_text() == "mine"


@pytest.mark.parametrize("kind", ["coco", "labelme", "cvat"])
def test_polygons_come_back_by_the_printed_command(folder, monkeypatch, capsys, kind):
    """The images lie in two folders, and two of them have the same name."""
    for name in ("twice/x/a.png", "twice/y z/a.png"):
        write_image(folder / name, smooth_image(41, 57))
    assert predict(monkeypatch, folder, "twice", "--out", f"o {kind}", "--save", f"mask,{kind}") == 0
    line = capsys.readouterr().out.splitlines()[-1]
    program, *words = shlex.split(line.replace("NEW_FOLDER", f"new_{kind}"))
    assert program == "segbox" and run_tool(monkeypatch, "convert_dataset.py", *words[1:]) == 0
    for name in ("x/a", "y z/a"):
        masks = [
            cv2.imread(str(folder / f"{n}.png"), -1)
            for n in (f"o {kind}/{name}_mask", f"new_{kind}/annotations/{name}")
        ]
        assert (masks[0] == masks[1]).all()
    there = contents(folder / f"o {kind}")
    assert predict(monkeypatch, folder, "twice", "--out", f"o {kind}", "--save", f"mask,{kind}") == 0
    assert contents(folder / f"o {kind}") == there
    (
        folder / f"o {kind}" / {"coco": "coco.json", "cvat": "annotations.xml", "labelme": "labelme/x/a.json"}[kind]
    ).write_text("corrected")
    assert predict(monkeypatch, folder, "twice", "--out", f"o {kind}", "--save", kind) == 2
    assert "was not written by segbox, or changed since" in capsys.readouterr().err


def test_polygons_of_a_video_are_refused(folder, monkeypatch, capsys):
    (folder / "w.mp4").write_bytes(b"")
    assert predict(monkeypatch, folder, "w.mp4", "--save", "labelme") == 2
    assert "--save labelme is not available for videos; extract the frames as images first" in capsys.readouterr().err


def test_a_photo_that_viewers_turn(folder, monkeypatch):
    """Its mask is as viewers show it; with exif=False, as the pixels are stored. Both are of the same pixels."""
    (folder / "turned").mkdir()
    turn(folder / "turned/a.jpg", 6, smooth_image(41, 57))
    for exif in (True, False):
        options = (
            "--save",
            "mask,overlay,probs",
            "--cfg-options",
            f"data.val=dict(type='FolderDataset',root='.',classes=['a','b'],exif={exif})",
        )
        assert predict(monkeypatch, folder, "turned/a.jpg", "--out", f"exif_{exif}", *options) == 0
        size = (57, 41) if exif else (41, 57)
        mask = cv2.imread(str(folder / f"exif_{exif}/a_mask.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == np.load(folder / f"exif_{exif}/a_probs.npy").shape[1:] == size


def test_files_for_a_server(folder, monkeypatch):
    assert predict(monkeypatch, folder, "in", "--out", "sent", "--save", "submit,mask") == 0
    assert (folder / "sent/a.png").read_bytes() == (folder / "sent/a_mask.png").read_bytes()  # no class has another id


@pytest.mark.parametrize("source", ["in", "in/*"])
def test_a_folder_and_a_pattern(folder, monkeypatch, source):
    assert predict(monkeypatch, folder, source, "--out", "many") == 0
    assert written(folder / "many") == ["a_mask.png", "a_overlay.png", "b_mask.png", "b_overlay.png"]


def test_batches_of_any_size_have_the_same_bytes(folder, monkeypatch):
    for size in "12":
        assert predict(monkeypatch, folder, "in", "--out", f"of_{size}", "--batch-size", size) == 0
    assert [*contents(folder / "of_1").values()] == [*contents(folder / "of_2").values()]


def test_shards_of_the_command_and_of_a_slurm_array(folder, monkeypatch, capsys):
    assert predict(monkeypatch, folder, "in", "--out", "whole") == 0
    assert predict(monkeypatch, folder, "in", "--out", "parts", "--shard", "1/2") == 0
    assert "shard 1/2: 1 of 2 images, 0 of them are made already\n1 image(s): mask" in capsys.readouterr().out
    assert predict(monkeypatch, folder, "in", "--out", "parts", "--merge") == 2
    assert "1 of 2 images are missing; start their shards again:\n  b.jpg (shard 2/2)" in capsys.readouterr().err
    for name, value in (("ID", 5), ("COUNT", 2), ("MIN", 4), ("STEP", 1)):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    assert predict(monkeypatch, folder, "in", "--out", "parts") == 0
    said = capsys.readouterr().out
    assert said.startswith("shard 2/2 (SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_COUNT=2): 1 of 2 images")
    assert predict(monkeypatch, folder, "in", "--out", "parts", "--merge") == 0
    assert capsys.readouterr().out == "2 of 2 images were made: parts/manifest.jsonl\n"
    assert predict(monkeypatch, folder, "in", "--out", "none", "--shard", "none") == 0
    assert predict(monkeypatch, folder, "in/a.png", "--out", "single") == 0  # one image is not divided
    assert capsys.readouterr().out == "2 image(s): mask, overlay in none\n1 image(s): mask, overlay in single\n"
    made = [{path.name: data for path, data in contents(folder / out).items() if path.suffix == ".png"}
            for out in ("whole", "parts")]  # fmt: skip
    assert made[0] == made[1] and len(made[0]) == 4


def test_a_video(folder, monkeypatch, capsys):
    writer = cv2.VideoWriter(str(folder / "v.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (56, 40))
    for seed in range(3):
        writer.write(smooth_image(40, 56, seed=seed))
    writer.release()
    assert (
        predict(monkeypatch, folder, "v.mp4", "--out", "video", "--cfg-options", "test.mode=slide", "test.window=24")
        == 0
    )
    assert capsys.readouterr().out == "3 frames of v.mp4 are in video\n"
    assert len(written(folder / "video" / "v_mask")) == 3 and (folder / "video" / "v_overlay.mp4").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.png"], "error: gone.png: there is no such file or folder"),
        (["cut.jpg"], "error: cut.jpg: the file is cut off after"),
        (
            ["in/a.png", "--save", "masks"],
            "'masks' is none of mask, color, overlay, confidence, entropy, areas, probs, submit, coco, labelme",
        ),
        (["in/a.png", "--tolerance", "1"], "--tolerance changes polygons only; add coco, labelme or cvat to --save"),
        (["in/a.png", "--save", "coco", "--tolerance", "-1"], "'-1' is no number of pixels, 0 or more"),
        (["in/a.png", "--save", "cvat", "--min-area", "nan"], "'nan' is no number of pixels, 0 or more"),
        (["in", "--shard", "0/8"], "'0/8' is no share: 1/8 to 8/8, for example, or none"),
        (["in", "--shard", "3"], "'3' is no share"),
        (["in", "--shard", "1/2", "--save", "coco"], "--save coco writes files of all images together"),
        (["empty.mp4", "--shard", "1/2"], "--shard and --merge are for images; a video is one process's work"),
        (["in", "--batch-size", "0"], "'0' is no number of images, 1 or more"),
        (["in/a.png", "--cfg-options", "test.mode=crop"], "error: test.mode: crop is for scores only"),
    ],
)
def test_mistakes_end_with_one_message(folder, monkeypatch, capsys, arguments, message):
    cut(write_image(folder / "cut.jpg", smooth_image(41, 57)))
    (folder / "empty.mp4").write_bytes(b"")
    assert predict(monkeypatch, folder, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != RECORD}


@pytest.fixture
def pairs(tmp_path):
    """NAME.jpg beside NAME_mask.png."""
    for name in "ab":
        write_image(tmp_path / f"set/{name}.jpg", smooth_image(41, 57))
    write_image(tmp_path / "set/a_mask.png", blocky_label(41, 57))
    return tmp_path / "set"


@pytest.mark.parametrize("is_linked", [False, True])
def test_masks_of_the_user_are_not_written_over(folder, pairs, monkeypatch, capsys, is_linked):
    out = pairs
    if is_linked:
        out = pairs.with_name("link")
        out.symlink_to(pairs)
    before = contents(pairs)
    assert predict(monkeypatch, folder, pairs, "--out", out) == 2
    assert f"error: {out}/a_mask.png would be written over, and was not written" in capsys.readouterr().err
    assert contents(pairs) == before and len(written(pairs)) == 3


def test_the_folder_of_the_images_may_be_written_to_and_predictions_are_no_images(folder, pairs, monkeypatch, capsys):
    (pairs / "a_mask.png").unlink()
    monkeypatch.chdir(pairs)
    arguments = [folder / "tiny.py", folder / "last.pt", ".", "--out", "."]
    for _ in range(2):
        assert run_tool(monkeypatch, "predict.py", *arguments) == 0
        assert capsys.readouterr().out == "2 image(s): mask, overlay in .\n"
    assert written(pairs) == ["a.jpg", "a_mask.png", "a_overlay.png", "b.jpg", "b_mask.png", "b_overlay.png"]
    (pairs / "b_mask.png").write_bytes((pairs / "a_overlay.png").read_bytes())  # corrected by hand
    before = contents(pairs)
    assert run_tool(monkeypatch, "predict.py", *arguments) == 2
    assert "error: b_mask.png would be written over" in capsys.readouterr().err and contents(pairs) == before
    for name in ("a.jpg", "b.jpg"):
        (pairs / name).unlink()
    assert run_tool(monkeypatch, "predict.py", *arguments) == 2
    assert "holds no images (.jpg" in (message := capsys.readouterr().err)
    assert "except 4 that segbox has written" in message


class LiveBar(ProgressBar):
    """As on a terminal."""

    def __init__(self, total):
        super().__init__(total, sys.stdout)
        self.is_live = True


def test_files_that_fail_are_passed_over_and_named_at_the_end(folder, pairs, monkeypatch, capsys):
    cut(write_image(pairs / "0.png", smooth_image(41, 57)))
    (pairs / "c.png").write_text("no image")
    write_image(pairs / f"{'d' * 248}.png", smooth_image(41, 57))
    monkeypatch.setattr("segbox.viz.predictions.ProgressBar", LiveBar)
    assert predict(monkeypatch, folder, pairs, "--out", pairs.with_name("out")) == 2
    said = capsys.readouterr()
    assert "6/6" in said.out and said.out.endswith(f"\r\x1b[K3 image(s): mask, overlay in {pairs.with_name('out')}\n")
    first, *failures = said.err.splitlines()
    assert first == "error: 3 of 6 images could not be predicted (all others were):"
    assert f"{pairs}/0.png: the file is cut off" in failures[0] and f"{pairs}/c.png: is not an image" in failures[1]
    assert f"{pairs}/ddd" in failures[2] and failures[2].endswith("_mask.png could not be written: File name too long")
    found = ["a_mask.png", "a_mask_mask.png", "a_mask_overlay.png", "a_overlay.png", "b_mask.png", "b_overlay.png"]
    assert written(pairs.with_name("out")) == found


def test_a_full_disk_ends_it_at_once(folder, pairs, monkeypatch, capsys):
    def full(path, content):
        tried.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    for number in range(20):
        write_image(pairs / f"more_{number}.jpg", smooth_image(41, 57))
    tried = []
    monkeypatch.setattr("segbox.outputs.Path.write_bytes", full)
    assert predict(monkeypatch, folder, pairs, "--out", pairs.with_name("out")) == 2
    error = capsys.readouterr().err
    assert "/out/a_mask.png could not be written: No space left on device" in error and error.count("\n") == 1
    assert len(tried) <= MOST_THREADS + 1


def test_two_predictions_of_one_name(folder, pairs, monkeypatch, capsys):
    write_image(pairs / "a_mask.png", smooth_image(41, 57))
    out = pairs.with_name("out")
    assert predict(monkeypatch, folder, pairs, "--out", out, "--save", "mask,submit") == 2
    assert f"a.jpg and {pairs}/a_mask.png would both be written to {out}/a_mask.png" in capsys.readouterr().err
    assert not out.exists()


def test_a_place_that_cannot_be_written_to(folder, pairs, monkeypatch, capsys):
    assert predict(monkeypatch, folder, pairs, "--out", pairs / "a.jpg") == 2
    assert f"error: {pairs}/a.jpg: is a file, not a folder; choose another" in capsys.readouterr().err
