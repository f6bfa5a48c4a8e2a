"""What image files say of themselves."""

import os
import sys

import pytest

from segbox.data.readers.headers import Header, read_header
from segbox.doctor.scan import examine_mask
from tests.faulty_data import deep_image, smooth_image, write_deep_png, write_image
from tests.tiff_files import write_tiff


def test_channels_and_bits(tmp_path):
    files = {
        write_image(tmp_path / "a.png", smooth_image(8, 9)): Header(3, 8),
        write_image(tmp_path / "a.jpg", smooth_image(8, 9, 1)): Header(1, 8),
        write_image(tmp_path / "a.bmp", smooth_image(8, 9)): Header(3, 8),
        write_deep_png(tmp_path / "b.png", deep_image(8, 9, 4)): Header(4, 16),
        write_tiff(tmp_path / "a.tif", deep_image(8, 9, 5), pages=True): Header(5, 16),
        write_tiff(tmp_path / "b.tif", deep_image(8, 9, 6, kind="float32"), planes=True): Header(6, 32),
        write_tiff(tmp_path / "c.tif", smooth_image(8, 9, 1), more_tags={262: 3}): Header(3, 8),  # a palette
    }
    for path, header in files.items():
        assert read_header(path) == header, path


@pytest.mark.parametrize(("bits", "depth"), [(1, 8), (8, 8), (10, 16), (12, 16), (16, 16), (32, 32), (64, 64)])
def test_depth_is_what_values_take_once_they_are_read(bits, depth):
    assert Header(1, bits).depth == depth


def test_no_images(tmp_path):
    for name, data in {"empty.png": b"", "text.tif": b"II*", "noise.jpg": b"noise" * 20}.items():
        (tmp_path / name).write_bytes(data)
        assert read_header(tmp_path / name) is None
    assert read_header(tmp_path) is None and read_header(tmp_path / "none.png") is None


def test_a_picture_that_opencv_stumbles_over(tmp_path):
    path = write_image(tmp_path / "a.bmp", smooth_image(8, 9))
    data = bytearray(path.read_bytes())
    data[18:22] = (2**31 - 1).to_bytes(4, "little")  # its width
    path.write_bytes(data)
    assert read_header(path) is None and examine_mask(path).kind == "unreadable"


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png") is None
