"""Predictions of files and videos."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segbox.errors import DataError, UserError
from segbox.viz.predictions import find_sources, predict_files, predict_video, target_names
from tests.tiff_files import write_tiff


class Halves:
    """Class 1 where the image is bright."""

    classes = ("dark", "bright")
    palette = ((0, 0, 0), (255, 0, 0))
    channels = 3
    bits = 8
    exif = True

    def class_map(self, image):
        return (image.mean(axis=2) > 127).astype(np.uint8)

    def probabilities(self, image):
        bright = torch.from_numpy(image.mean(axis=2) / 255)
        return torch.stack([1 - bright, bright])


@pytest.fixture
def folder(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, 15:] = 250
    for name in ("a/x.png", "a/x.jpg", "a/y.PNG", "b/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    return tmp_path


def test_sources(folder, monkeypatch):
    out = folder / "out"
    assert [path.name for path in find_sources(str(folder / "a"), out)[0]] == ["x.jpg", "x.png", "y.PNG"]
    assert find_sources(str(folder / "a" / "x.png"), out) == ([folder / "a" / "x.png"], None)
    assert find_sources(str(folder / "*" / "x.png"), out)[0] == [folder / "a" / "x.png", folder / "b" / "x.png"]
    assert len(find_sources(str(folder / "**" / "*.png"), out)[0]) == 2
    (folder / "v.MP4").write_bytes(b"")
    assert find_sources(str(folder / "v.MP4"), out) == ([], folder / "v.MP4")
    with pytest.raises(DataError, match="as a pattern it matches nothing"):
        find_sources(str(folder / "*.gif"), out)
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        find_sources(str(folder / "empty"), out)


def test_what_was_written_before_is_no_source(folder, monkeypatch):
    monkeypatch.chdir(folder)
    images, _ = find_sources(".", Path("out"))
    predict_files(Halves(), images, Path("out"), ["mask"])
    assert find_sources(".", Path("out"))[0] == images and len(images) == 4


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["d/a.png"], ["a"]),
        (["d/a.png", "d/b.jpg"], ["a", "b"]),
        (["d/a.png", "e/b.png"], ["a", "b"]),
        (["d/a.png", "d/e/a.png"], ["a", "e/a"]),
        (["d/a.png", "d/a.jpg"], ["a.png", "a.jpg"]),
        (["d/a.b.png", "d/a.c.png"], ["a.b", "a.c"]),
        (["/r/x/a.png", "/r/y/a.png", "/r/y/a.jpg"], ["x/a.png", "y/a.png", "y/a.jpg"]),
    ],
)
def test_no_two_images_write_to_one_name(paths, names):
    assert target_names([Path(path) for path in paths]) == [Path(name) for name in names]


def test_every_kind_of_output(folder):
    out = folder / "out"
    predict_files(Halves(), [folder / "b" / "x.png"], out, ["mask", "color", "overlay", "probs"])
    assert sorted(path.name for path in out.iterdir()) == ["x_color.png", "x_mask.png", "x_overlay.png", "x_probs.npy"]
    mask = cv2.imread(str(out / "x_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (20, 30) and (mask[:, 15:] == 1).all() and not mask[:, :15].any()
    assert cv2.imread(str(out / "x_color.png"))[0, 20].tolist() == [0, 0, 255]
    probabilities = np.load(out / "x_probs.npy")
    assert probabilities.shape == (2, 20, 30) and probabilities.dtype == np.float16
    assert cv2.imread(str(out / "x_overlay.png")).shape[1] == 30 * (256 // 30)


def write_video(path, frames=4):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (32, 24))
    for i in range(frames):
        frame = np.zeros((24, 32, 3), np.uint8)
        frame[:, 8 * i :] = 250
        writer.write(frame)
    writer.release()


def test_videos(tmp_path):
    write_video(tmp_path / "v.mp4")
    assert predict_video(Halves(), tmp_path / "v.mp4", tmp_path / "out", ["mask", "color", "overlay"]) == 4
    masks = sorted((tmp_path / "out" / "v_mask").iterdir())
    assert [path.name for path in masks] == [f"{i:06d}.png" for i in range(4)]
    shares = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED).mean() for path in masks]
    assert shares == pytest.approx([1, 0.75, 0.5, 0.25], abs=0.05)
    for kind in ("color", "overlay"):
        reader = cv2.VideoCapture(str(tmp_path / "out" / f"v_{kind}.mp4"))
        assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 4 and reader.get(cv2.CAP_PROP_FPS) == 10
        reader.release()


def test_deep_images(tmp_path):
    class Deep(Halves):
        channels, bits = 5, 16

    image = np.repeat(np.full((20, 30, 1), 60, np.uint16), 5, axis=2)
    image[:, 15:] = 200
    path = write_tiff(tmp_path / "a.tif", image)
    predict_files(Deep(), [path], tmp_path / "out", ["mask", "overlay"])
    mask = cv2.imread(str(tmp_path / "out/a_mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask[:, 15:].all() and not mask[:, :15].any()
    overlaid = cv2.imread(str(tmp_path / "out/a_overlay.png"))
    assert overlaid[0, 0].tolist() == [0, 0, 0] and overlaid[0, 29 * 8].tolist() == [
        128,
        128,
        255,
    ]  # stretched to white
    write_video(tmp_path / "v.mp4")
    with pytest.raises(UserError, match=r"v\.mp4: a video is RGB bytes.* images of 5 channel\(s\) of 16 bits"):
        predict_video(Deep(), tmp_path / "v.mp4", tmp_path / "out", ["mask"])


def test_videos_that_do_not_work(tmp_path):
    write_video(tmp_path / "v.mp4")
    with pytest.raises(UserError, match="--save probs is not for videos"):
        predict_video(Halves(), tmp_path / "v.mp4", tmp_path / "out", ["probs"])
    with pytest.raises(UserError, match=r"OpenCV cannot open a video of that name; rename it"):
        predict_video(Halves(), tmp_path / "v\udcff.mp4", tmp_path / "out", ["mask"])
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 20)
    with pytest.raises(DataError, match=r"bad\.mp4: no frame of this video can be read"):
        predict_video(Halves(), tmp_path / "bad.mp4", tmp_path / "out", ["mask"])
