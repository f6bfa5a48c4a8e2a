"""What an image file says of itself: its channels, bits and orientation. Decoding hides them."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from segbox.data.readers import tiff
from segbox.data.readers.files import KINDS, decode_anything
from segbox.data.readers.orientation import JPEG_START, PNG_START, UPRIGHT, jpeg_segments, orientation_of

PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by its colour type; with a palette it is a colour image
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
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
        return Header(PNG_CHANNELS.get(data[25], 3), data[24], orientation_of(data))
    if data[: len(JPEG_START)] == JPEG_START:
        return _read_jpeg(data)
    if tiff.is_tiff(data):
        return _read_tiff(data)
    image = decode_anything(data[:])
    if image is None:
        return None
    return Header(1 if image.ndim == 2 else image.shape[2], 8 * image.dtype.itemsize, orientation_of(data))


def _read_tiff(data: mmap.mmap) -> Header | None:
    """Pages are channels; with a palette it is a colour image."""
    try:
        pages = tiff.read_pages(data)
    except struct.error:
        return None
    channels = sum(3 if page.has_palette else page.channels for page in pages)
    return Header(channels, pages[0].bits, orientation_of(data)) if pages else None


def _read_jpeg(data: mmap.mmap) -> Header | None:
    for marker, start, _ in jpeg_segments(data):
        if marker in JPEG_FRAMES and start + 6 <= len(data):
            return Header(data[start + 5], data[start], orientation_of(data))
    return None
