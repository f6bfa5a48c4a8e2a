import subprocess
import sys

import cv2
import numpy as np
import pytest

from segbox.data.loader import build_dataset
from segbox.data.readers.files import read_image
from segbox.data.readers.rows import TopRows, read_late
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
    source = read_late(write_jpeg(tmp_path / "a.jpg"), 3, 8, True)
    assert cv2.imdecode(np.frombuffer(source.reader.top(source.data, 20), np.uint8), 1).shape[0] < 60


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


GEOMETRY = [dict(type="RandomResize", ratio_range=(0.3, 2.5)), dict(type="RandomCrop", size=(40, 50))]
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
    assert (len(rows) == 40 and min(rows) < 100) if is_late else not rows
    dataset.load_late = dataset.load
    for own, other in zip(late, (dataset[0, seed] for seed in range(40))):
        assert own.keys() == other.keys()
        assert (own["image"] == other["image"]).all() and (own["label"] == other["label"]).all()
