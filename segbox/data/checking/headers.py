"""What an image file says of itself: its channels, bits and orientation. Decoding hides them."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segbox.data.files import JPEG_START, PNG_START, SET_LOG_LEVEL, START_OF_SCAN

PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by its colour type; with a palette it is a colour image
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
EXIF = 0xE1
ORIENTATION = 0x0112
UPRIGHT = 1


@dataclass(frozen=True)
class Header:
    channels: int
    bits: int  # per channel
    orientation: int = UPRIGHT  # EXIF's; from 5 on, height and width change places


def read_header(path: str | Path) -> Header | None:
    """None where the file is no image."""
    data = Path(path).read_bytes()
    if data.startswith(PNG_START) and len(data) > 25:
        return Header(PNG_CHANNELS.get(data[25], 3), data[24])
    if data.startswith(JPEG_START):
        return _read_jpeg(data)
    with quiet():
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    return None if image is None else Header(1 if image.ndim == 2 else image.shape[2], 8 * image.dtype.itemsize)


def _read_jpeg(data: bytes) -> Header | None:
    position, orientation = 2, UPRIGHT
    while position + 10 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in JPEG_FRAMES:
            return Header(data[position + 9], data[position + 4], orientation)
        if marker == START_OF_SCAN:
            return None
        if marker == EXIF:
            orientation = _orientation(data[position + 4 : position + 2 + length])
        position += 1 if marker == 0xFF else 2 + length
    return None


def _orientation(exif: bytes) -> int:
    if not exif.startswith(b"Exif\0\0"):
        return UPRIGHT
    tiff = exif[6:]
    order = "<" if tiff.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * i)
            if tag == ORIENTATION:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:  # damaged; nobody will turn the image by it
        pass
    return UPRIGHT


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV's own remarks on damaged files: the findings say it better."""
    before = SET_LOG_LEVEL(0)
    try:
        yield
    finally:
        SET_LOG_LEVEL(before)
