"""The command that predicts."""

import cv2
import numpy as np
import pytest

from tests.data.checking.broken_set import turn
from tests.faulty_data import cut, smooth_image, write_image
from tests.runs import run_tool, tiny_runner


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


def test_a_photo_that_viewers_turn(folder, monkeypatch):
    """Its mask is as viewers show it; with exif=False, as the pixels are stored. Both are of the same pixels."""
    (folder / "turned").mkdir()
    turn(folder / "turned/a.jpg", 6, smooth_image(41, 57))
    for exif in (True, False):
        options = ("--save", "mask,overlay,probs", "--cfg-options", f"data.val.exif={exif}")
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
    names = sorted(path.name for path in (folder / "many").iterdir())
    assert names == ["a_mask.png", "a_overlay.png", "b_mask.png", "b_overlay.png"]


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
    assert (
        len(list((folder / "video" / "v_mask").iterdir())) == 3 and (folder / "video" / "v_overlay.mp4").stat().st_size
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.png"], "error: gone.png: there is no such file or folder"),
        (["cut.jpg"], "error: cut.jpg: the file is cut off after"),
        (["in/a.png", "--save", "masks"], "'masks' is none of mask, color, overlay, probs, submit"),
        (["in/a.png", "--cfg-options", "test.mode=crop"], "error: test.mode: crop is a protocol for scores"),
    ],
)
def test_mistakes_end_with_one_message(folder, monkeypatch, capsys, arguments, message):
    cut(write_image(folder / "cut.jpg", smooth_image(41, 57)))
    assert predict(monkeypatch, folder, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
