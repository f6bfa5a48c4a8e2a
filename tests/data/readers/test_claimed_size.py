"""The size of a picture from its header, before a decoder takes memory for it."""

import struct

import cv2
import numpy as np
import pytest

from segbox.data.readers.files import decode_image, format_of, read_image
from tests.faulty_data import deep_image, smooth_image
from tests.tiff_files import write_tiff


def encoded(suffix, *settings):
    return cv2.imencode(suffix, smooth_image(8, 9), settings)[1].tobytes()


def size_of(data):
    claimed = format_of(data).claimed_size(data)
    return None if claimed is None else claimed[:2]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_the_size_of_each_format(suffix):
    assert size_of(encoded(suffix)) == (8, 9)


def test_kinds_of_webp():
    """Lossy, lossless, and extended: its size stands in other places."""
    lossy, lossless = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 50), encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)
    assert {lossy[12:16], lossless[12:16]} == {b"VP8 ", b"VP8L"} and size_of(lossy) == size_of(lossless) == (8, 9)
    extended = b"VP8X" + struct.pack("<I4x", 10) + (299_999).to_bytes(3, "little") + (70_000).to_bytes(3, "little")
    assert size_of(lossy[:12] + extended + lossy[12:]) == (70_001, 300_000)


def test_bitmaps_from_the_top_and_of_the_oldest_kind():
    data = encoded(".bmp")
    assert size_of(data[:22] + struct.pack("<i", -8) + data[26:]) == (8, 9)
    assert size_of(data[:14] + struct.pack("<IHH", 12, 700, 500) + data[22:]) == (500, 700)


def test_a_preview_in_a_tiff_counts(tmp_path):
    """OpenCV reads the first page, whatever it says of itself."""
    write_tiff(tmp_path / "a.tif", deep_image(8, 9, 7))
    assert format_of(data := (tmp_path / "a.tif").read_bytes()).claimed_size(data) == (8, 9, 7)
    data = (tmp_path / "a.tif").read_bytes()
    place = struct.unpack_from("<I", data, 4)[0]
    fields = struct.pack("<HHII", 254, 4, 1, 1) + struct.pack("<HHII", 256, 4, 1, 30_000)
    fields += struct.pack("<HHII", 257, 4, 1, 20_000)
    first = struct.pack("<H", 3) + fields + struct.pack("<I", place)
    data = data[:4] + struct.pack("<I", len(data)) + data[8:] + first
    assert size_of(data) == (20_000, 30_000)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF....WEBPVP8 ", b"BM", b"II*\0"]
)
def test_what_is_no_picture_has_no_size(data):
    assert size_of(data) is None


def test_a_header_that_decoders_read_otherwise_gives_no_size():
    """A marker without content: decoders find a header where a length is expected, and another size in it."""
    data = encoded(".jpg")
    large = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30_000, 30_000)
    skipped = large.ljust(0xFFC0, b"\0")  # by who takes the first two bytes for a length
    assert size_of(data[:2] + b"\xff\xd0" + skipped + data[2:]) is None
    data = encoded(".png")
    assert size_of(data[:12] + b"tEXt" + data[16:]) is None


def test_the_content_of_a_file_is_the_image_of_the_file(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(".png"))
    assert np.array_equal(decode_image(encoded(".png")), read_image(tmp_path / "a.png"))
