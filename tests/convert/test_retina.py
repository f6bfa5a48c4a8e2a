"""Vessels of the retina: files named as published, in any folders, sorted as the field's numbers want them."""

import gzip

import cv2
import numpy as np
import pytest

from segbox.data.datasets.pairs import read_lines
from segbox.errors import DataError
from segbox.registry import DATASETS
from tests.convert.made import SIZE, convert, mask_of, write_picture
from tests.faulty_data import smooth_image, write_image

VESSELS = np.zeros(SIZE, np.uint8)
VESSELS[5:9, 3:30] = 255


def write_packed(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(cv2.imencode(".ppm", pixels)[1].tobytes()))


def make_drive(root):
    for number, part in ((1, "test"), (21, "training"), (40, "training")):
        write_picture(root / f"{part}/images/{number:02}_{part}.tif")
        write_image(root / f"{part}/1st_manual/{number:02}_manual1.gif", np.dstack([VESSELS] * 3))
        write_image(root / f"{part}/mask/{number:02}_{part}_mask.gif", np.dstack([255 - VESSELS] * 3))
    return "40_manual1", ["01"], ["21", "40"]


def make_stare(root):
    for number in (1, 139, 162):
        write_packed(root / f"im{number:04}.ppm.gz", smooth_image(*SIZE)[:, :, ::-1])
        write_packed(root / f"labels-ah/im{number:04}.ah.ppm.gz", np.dstack([VESSELS] * 3))
        write_packed(root / f"labels-vk/im{number:04}.vk.ppm.gz", np.dstack([255 - VESSELS] * 3))
    return "im0139.ah", ["im0162"], ["im0001", "im0139"]


def make_chase_db1(root):
    for name in ("Image_01L", "Image_10R", "Image_11L"):
        write_picture(root / f"{name}.jpg")
        write_image(root / f"{name}_1stHO.png", VESSELS)
        write_image(root / f"{name}_2ndHO.png", 255 - VESSELS)
    return "Image_10R_1stHO", ["Image_11L"], ["Image_01L", "Image_10R"]


def make_hrf(root):
    for name in ("05_dr", "05_h", "06_g"):
        write_picture(root / f"images/{name}.jpg").rename(root / f"images/{name}.JPG")
        write_image(root / f"manual1/{name}.tif", VESSELS // 255 * 200)  # not quite white
        write_image(root / f"mask/{name}_mask.tif", np.dstack([255 - VESSELS] * 3))
    return "05_dr", ["06_g"], ["05_dr", "05_h"]


SETS = {"DRIVE": make_drive, "STARE": make_stare, "CHASE_DB1": make_chase_db1, "HRF": make_hrf}
needs_gif = pytest.mark.skipif(not cv2.haveImageWriter(".gif"), reason="this OpenCV knows no GIF")


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs_gif if n == "DRIVE" else ()) for n in SETS])
def test_pictures_are_sorted_and_read_by_the_data_set(tmp_path, name):
    mask, validation, training = SETS[name](tmp_path / "source")
    for _ in range(2):  # the second time, all is there
        summary = convert(name.lower(), tmp_path / "source", tmp_path / "out")
        assert not summary.problems
    assert (summary.written, summary.skipped) == (0, 3)
    assert (mask_of(tmp_path / "out/annotations/training", mask, ".") == VESSELS // 255).all()
    for split, names in (("val", validation), ("train", training)):
        dataset = DATASETS.build(dict(type=name, root=str(tmp_path / "out"), split=split))
        assert [dataset.files(i)[0].stem for i in range(len(dataset))] == names
        sample = dataset[0, 0]
        assert (sample["label"] == VESSELS // 255).all() and dataset.classes == ("background", "vessel")
        assert np.abs(sample["image"].astype(int) - smooth_image(*SIZE)).mean() < 5  # JPEG
    assert read_lines(tmp_path / "out/classes.txt") == ["background", "vessel"]


def test_pictures_without_a_mask_are_left_out(tmp_path):
    make_stare(tmp_path / "source")
    write_packed(tmp_path / "source/im0002.ppm.gz", smooth_image(*SIZE))
    assert convert("stare", tmp_path / "source", tmp_path / "out").written == 3
    for path in (tmp_path / "source/labels-ah").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"holds no images with masks\. Expected in it:\n  im0001\.ppm\.gz"):
        convert("stare", tmp_path / "source", tmp_path / "other")


def test_an_opencv_without_gif_is_told(tmp_path, monkeypatch):
    write_image(tmp_path / "21_training.tif", smooth_image(*SIZE))
    (tmp_path / "21_manual1.gif").write_bytes(b"GIF89a")
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: False)
    (problem,) = convert("drive", tmp_path, tmp_path / "out").problems
    assert "reads no GIF files" in problem and "opencv-python>=4.11" in problem


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x1f\x8b cut", "cannot be unpacked"), (gzip.compress(b"no picture"), "its content is not an image")],
)
def test_damaged_files_are_told(tmp_path, content, message):
    make_stare(tmp_path / "source")
    (tmp_path / "source/labels-ah/im0139.ah.ppm.gz").write_bytes(content)
    summary = convert("stare", tmp_path / "source", tmp_path / "out")
    assert len(summary.problems) == 1 and message in summary.problems[0] and summary.written == 2


def test_a_mask_of_another_size_is_told(tmp_path):
    make_hrf(tmp_path / "source")
    write_image(tmp_path / "source/manual1/06_g.tif", VESSELS[:-1])
    (problem,) = convert("hrf", tmp_path / "source", tmp_path / "out").problems
    assert "the image is 36x24, the mask 36x23" in problem
