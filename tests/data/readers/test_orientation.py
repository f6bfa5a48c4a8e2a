"""Files are turned as their EXIF orientation says, in every format, or not at all: one argument decides."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from segbox.data.readers.files import orientation_of, read_image, read_label
from segbox.data.readers.headers import read_header
from segbox.data.readers.orientation import turned
from tests.doctor.broken_set import exif_block, turn
from tests.faulty_data import deep_image, smooth_image, write_deep_png, write_image
from tests.tiff_files import write_tiff

STORED = smooth_image(24, 40)


def tagged_png(path: Path, orientation: int, pixels: np.ndarray, behind: bool = False) -> Path:
    """With an eXIf chunk, before the pixels or behind them."""
    write_deep_png(path, pixels)
    data, body = path.read_bytes(), exif_block(orientation)
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    place = len(data) - 12 if behind else 33
    path.write_bytes(data[:place] + chunk + data[place:])
    return path


def tagged_webp(path: Path, orientation: int, pixels: np.ndarray) -> Path:
    data = cv2.imencode(".webp", pixels[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()  # lossless
    body = b"Exif\0\0" + exif_block(orientation)
    data += b"EXIF" + struct.pack("<I", len(body)) + body
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def tagged_tiff(path: Path, orientation: int, pixels: np.ndarray, **layout) -> Path:
    return write_tiff(path, pixels, more_tags={274: orientation, 262: 2 if pixels.shape[2] == 3 else 1}, **layout)


def as_shown(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """By the words of the standard: where the first row and the first column of the stored pixels are shown."""
    shown = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }
    row, column = shown[orientation]
    height, width = pixels.shape[:2]
    is_upright = row in ("top", "bottom")
    result = np.zeros((height, width, *pixels.shape[2:]) if is_upright else (width, height, *pixels.shape[2:]), "O")
    for y in range(height):
        for x in range(width):
            along_row = height - 1 - y if row in ("bottom", "right") else y
            along_column = width - 1 - x if column in ("right", "bottom") else x
            place = (along_row, along_column) if is_upright else (along_column, along_row)
            result[place] = pixels[y, x]
    return result.astype(pixels.dtype)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_alike_or_read_as_stored(tmp_path, orientation):
    expected = as_shown(STORED, orientation)
    assert (turned(STORED, orientation) == expected).all()
    for path in (
        tagged_png(tmp_path / "a.png", orientation, STORED),
        tagged_png(tmp_path / "b.png", orientation, STORED, behind=True),
        tagged_webp(tmp_path / "a.webp", orientation, STORED),
        tagged_tiff(tmp_path / "a.tif", orientation, STORED),
        tagged_tiff(tmp_path / "b.tif", orientation, STORED, order=">"),
        tagged_tiff(tmp_path / "c.tif", orientation, STORED, planes=True),
    ):
        assert orientation_of(path.read_bytes()) == read_header(path).orientation == orientation, path
        assert (read_image(path) == expected).all() and (read_image(path, exif=False) == STORED).all(), path
        assert (read_image(path, 1) == as_shown(read_image(path, 1, exif=False), orientation)).all(), path
    path = turn(tmp_path / "a.jpg", orientation, STORED)
    assert (read_image(path) == as_shown(read_image(path, exif=False), orientation)).all()
    assert read_image(path).shape == expected.shape and read_header(path).orientation == orientation


def test_deep_images_and_images_of_many_channels_too(tmp_path):
    deep = deep_image(24, 40, 5)
    for pages in (False, True):
        path = tagged_tiff(tmp_path / "a.tif", 6, deep, pages=pages)
        assert (read_image(path, 5, 16) == as_shown(deep, 6)).all() and (read_image(path, 5, 16, False) == deep).all()
    path = tagged_png(tmp_path / "a.png", 8, deep[:, :, :4])
    assert (read_image(path, 4, 16) == as_shown(deep[:, :, :4], 8)).all()


def test_masks_are_turned_by_tags_of_their_own(tmp_path):
    ids = (np.arange(24 * 40) % 7).reshape(24, 40).astype(np.uint8)
    for path in (
        tagged_png(tmp_path / "a.png", 6, ids[:, :, None]),
        tagged_tiff(tmp_path / "a.tif", 6, ids[..., None]),
    ):
        assert (read_label(path) == as_shown(ids, 6)).all() and (read_label(path, exif=False) == ids).all()


def test_damaged_tags_turn_nothing(tmp_path):
    path = turn(tmp_path / "a.jpg", 6, STORED)
    data = path.read_bytes()
    start = data.index(b"II*\0")
    for place, value in ((4, 2**31), (8, 2**16 - 1), (18, 9), (0, 0)):  # directory, its entries, the value, the mark
        changed = data[: start + place] + struct.pack("<I", value) + data[start + place + 4 :]
        assert orientation_of(changed) == 1, place
    big = b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 1) + struct.pack("<HHQQ", 274, 3, 1, 5)
    assert orientation_of(big) == 5 and orientation_of(big[:30]) == orientation_of(b"") == 1
    assert orientation_of(b"II+\0" + struct.pack("<HHQQ", 8, 0, 2**64 - 1, 2**63)) == 1
    assert orientation_of(write_image(tmp_path / "a.png", STORED).read_bytes()[:40]) == 1
