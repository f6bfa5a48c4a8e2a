import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from segbox.data.loader import build_dataset
from segbox.data.readers import png_rows
from segbox.data.readers.files import read_image, read_label
from segbox.data.readers.jpeg import Jpeg
from segbox.data.readers.png_rows import running_sums
from segbox.data.readers.rows import TopRows, read_label_late, read_late
from segbox.errors import DataError
from tests.faulty_data import blocky_label, smooth_image

SAMPLINGS = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
SAMPLINGS += (cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    rough = np.random.default_rng(0).integers(0, 90, (height, width, channels))
    return (smooth_image(height, width, channels) // 2 + rough).astype(np.uint8)


def write_jpeg(path, *flags: int, channels: int = 3):
    assert cv2.imwrite(str(path), noise(150, 90, channels), list(flags))
    return path


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_first_rows_are_those_of_the_whole_image(tmp_path, sampling, channels):
    path = write_jpeg(tmp_path / "a.jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling)
    whole, source = read_image(path, channels), read_late(path, channels, 8, True)
    assert source.size == (150, 90)
    for rows in (1, 8, 33, 70, 86, 87, 118, 149, 150):
        assert (source.read(rows) == whole[:rows]).all()
        assert len(source.read(rows)) == rows


def test_few_rows_are_few_rows_of_work(tmp_path):
    path = write_jpeg(tmp_path / "a.jpg")
    assert cv2.imdecode(np.frombuffer(Jpeg().top(path.read_bytes(), 20), np.uint8), 1).shape[0] < 60


@pytest.mark.parametrize("flags", [(cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)])
def test_files_of_several_scans_are_decoded_whole(tmp_path, flags):
    path = write_jpeg(tmp_path / "a.jpg", *flags)
    assert (read_late(path, 3, 8, True) == read_image(path)).all()


def test_a_cut_file_is_refused_at_once(tmp_path):
    path = write_jpeg(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="the file is cut off"):
        read_late(path, 3, 8, True)


def test_nothing_is_printed(tmp_path):
    path = write_jpeg(tmp_path / "a.jpg")
    code = f"from segbox.data.readers.rows import read_late; read_late({str(path)!r}, 3, 8, True).read(20)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sums_of_bytes_along_rows():
    for height, width in ((1, 1), (3, 63), (2, 64), (5, 200)):
        values = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
        assert (running_sums(values) == np.cumsum(values, axis=1).astype(np.uint8)).all()


def write_mask(path, kind: str) -> np.ndarray:
    ids = np.random.default_rng(1).integers(0, 5, (90, 70), np.uint8)
    if kind == "OpenCV":
        assert cv2.imwrite(str(path), ids)
    else:
        image = Image.fromarray(ids)
        if kind == "palette":
            image.putpalette([*range(256)] * 3)
        image.save(path)
    return ids


@pytest.mark.parametrize("kind", ["OpenCV", "palette", "grey"])
def test_the_first_rows_of_masks(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(png_rows, "FIRST", 1)
    ids = write_mask(tmp_path / "a.png", kind)
    label = read_label_late(tmp_path / "a.png", True)
    if isinstance(label, np.ndarray):  # other filters in the first row
        assert kind == "grey" and (label == ids).all()
        return
    assert label.size == (90, 70)
    for rows in (1, 40, 20, 77, 90):
        assert (label.read(rows) == ids[:rows]).all() and len(label.read(rows)) == rows


def test_rows_of_a_mask_with_other_filters_further_down(tmp_path):
    path, ids = tmp_path / "a.png", np.arange(60, dtype=np.uint8).reshape(20, 3)
    lines = [bytes([1, *np.diff(row, prepend=np.uint8(0))]) for row in ids[:18]]
    above = b"".join(bytes([2, *(row - ids[17 + i])]) for i, row in enumerate(ids[18:]))
    plain = cv2.imencode(".png", ids)[1].tobytes()
    pixels = b"IDAT" + zlib.compress(b"".join(lines) + above)
    chunk = (len(pixels) - 4).to_bytes(4, "big") + pixels + zlib.crc32(pixels).to_bytes(4, "big")
    path.write_bytes(plain[:33] + chunk + plain[-12:])
    label = read_label_late(path, True)
    assert (label.read(18) == ids[:18]).all() and (label.read(19) == ids[:19]).all()
    assert (label.read(20) == read_label(path)).all()


def test_a_damaged_mask_has_its_usual_message(tmp_path):
    path = tmp_path / "a.png"
    write_mask(path, "OpenCV")
    data = bytearray(path.read_bytes())
    data[-100] ^= 255
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_label_late(path, True)


def test_unknown_ids_are_told_when_a_crop_shows_them(tmp_path):
    for folder in ("images", "annotations"):
        (tmp_path / folder).mkdir()
    write_jpeg(tmp_path / "images" / "a.jpg")
    label = np.zeros((150, 90), np.uint8)
    label[140] = 9
    cv2.imwrite(str(tmp_path / "annotations" / "a.png"), label)
    crop = [dict(type="RandomCrop", size=30)]
    dataset = build_dataset(dict(type="FolderDataset", root=str(tmp_path), classes=list("ab"), pipeline=crop))
    told = []
    for seed in range(30):
        try:
            shown = dataset[0, seed]["label"]
            assert not (shown == 9).any()
        except DataError as error:
            told.append(str(error))
    assert 0 < len(told) < 30 and "ids that are no class: 9 (90 pixels)" in told[0]


GEOMETRY = [
    dict(type="RandomResize", ratio_range=(0.3, 2.5)),
    dict(type="RandomCrop", size=(40, 50), cat_max_ratio=0.7),
]
COLOUR, BLUR, TURN = (
    dict(type="PhotoMetricDistortion"),
    dict(type="GaussianBlur"),
    dict(type="RandomRotate", degrees=30),
)
PIPELINES = {
    "crop": (GEOMETRY, True),
    "crop flip colour": ([*GEOMETRY, dict(type="RandomFlip"), COLOUR], True),
    "rotate": ([*GEOMETRY, TURN], True),
    "colour first": ([COLOUR, *GEOMETRY], False),
    "blur may not render": ([*GEOMETRY, BLUR, TURN], False),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_samples_are_the_same_bit_for_bit(tmp_path, monkeypatch, name):
    pipeline, is_late = PIPELINES[name]
    for folder in ("images", "annotations"):
        (tmp_path / folder).mkdir()
    write_jpeg(tmp_path / "images" / "a.jpg")
    cv2.imwrite(str(tmp_path / "annotations" / "a.png"), blocky_label(150, 90))
    config = dict(type="FolderDataset", root=str(tmp_path), classes=list("abcd"), pipeline=pipeline)
    dataset, rows = build_dataset(config), []
    read = TopRows.read
    monkeypatch.setattr(TopRows, "read", lambda self, last: rows.append(last) or read(self, last))
    late = [dataset[0, seed] for seed in range(40)]
    assert (len(rows) > 80 and min(rows) < 100) if is_late else not rows
    dataset.load_late = dataset.load
    for own, other in zip(late, (dataset[0, seed] for seed in range(40))):
        assert own.keys() == other.keys()
        assert (own["image"] == other["image"]).all() and (own["label"] == other["label"]).all()
