"""What an image file says of itself: its channels, bits and orientation. Decoding hides them."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from segbox.data import tiff
from segbox.data.files import JPEG_START, KINDS, PNG_START, START_OF_SCAN, decode_anything

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

    @property
    def depth(self) -> int:
        """The bits that its values take once they are read: 12 bits are stored in 16."""
        return next((bits for bits in KINDS if self.bits <= bits), self.bits)


def read_header(path: str | Path) -> Header | None:
    """None where the file is no image. Of large files, only the parts that say it are read."""
    if not Path(path).is_file():  # but a pipe, that keeps who opens it waiting
        return None
    with Path(path).open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # empty
            return None
        with mapped:
            return _header_of(mapped)


def _header_of(data: mmap.mmap) -> Header | None:
    if data[: len(PNG_START)] == PNG_START and len(data) > 25:
        return Header(PNG_CHANNELS.get(data[25], 3), data[24])
    if data[: len(JPEG_START)] == JPEG_START:
        return _read_jpeg(data)
    if tiff.is_tiff(data):
        return _read_tiff(data)
    image = decode_anything(data[:])
    return None if image is None else Header(1 if image.ndim == 2 else image.shape[2], 8 * image.dtype.itemsize)


def _read_tiff(data: mmap.mmap) -> Header | None:
    """Pages are channels; with a palette it is a colour image."""
    try:
        pages = tiff.read_pages(data)
    except struct.error:
        return None
    channels = sum(3 if page.has_palette else page.channels for page in pages)
    return Header(channels, pages[0].bits) if pages else None


def _read_jpeg(data: mmap.mmap) -> Header | None:
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
    body = exif[6:]
    order = "<" if body.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(order + "I", body, 4)
        (count,) = struct.unpack_from(order + "H", body, start)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", body, start + 2 + 12 * i)
            if tag == ORIENTATION:
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:  # damaged; nobody will turn the image by it
        pass
    return UPRIGHT
