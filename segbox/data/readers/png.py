"""PNG. OpenCV decodes it; its chunks are parsed here for what decoders do not do:

headers that claim gigabytes are refused before the memory is taken, and masks give the indices of their palette.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from segbox.data.readers import opencv
from segbox.data.readers.format import ClaimedSize, Format, Header, Rows, cut_off
from segbox.data.readers.orientation import EXIF_START
from segbox.data.readers.png_rows import GREY, PALETTE, open_rows
from segbox.errors import DataError

START = b"\x89PNG\r\n\x1a\n"
STORED_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
CHANNELS = {**STORED_CHANNELS, 3: 3}  # with a palette it is a colour image
DEFLATE_RATIO = 1032  # bytes that deflate can make of one, at most


class Png(Format):
    def fits(self, data: bytes) -> bool:
        return data[: len(START)] == START

    def check(self, data: bytes) -> None:
        if not any(kind == b"IEND" for kind, _, _ in chunks(data)):
            raise cut_off(data)  # or a chunk claims to end behind the file: decoders would take the memory for it
        if len(data) < 26:
            return
        width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
        if height * (width * bits * STORED_CHANNELS.get(colour, 1) // 8) > DEFLATE_RATIO * len(data):
            raise DataError(f"says that it is {width} pixels wide and {height} high; its {len(data)} bytes are not")

    def exif_blocks(self, data: bytes) -> Iterator[int]:
        for kind, start, _ in chunks(data):
            if kind == b"eXIf":
                yield start + len(EXIF_START) if data[start : start + len(EXIF_START)] == EXIF_START else start

    def header(self, data: bytes) -> Header | None:
        return Header(CHANNELS.get(data[25], 3), data[24], self.orientation(data)) if len(data) > 25 else None

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        if len(data) < 24 or data[12:16] != b"IHDR":
            return None
        width, height = struct.unpack_from(">II", data, 16)
        return ClaimedSize(height, width)

    def label_rows(self, data: bytes) -> Rows | None:
        contents = [(start, end) for kind, start, end in chunks(data) if kind == b"IDAT"]
        found = open_rows(data, contents, lambda: self.label(data))
        return found and found.read

    def label(self, data: bytes) -> np.ndarray:
        data, step = as_grey(data)
        label = opencv.decode(data)
        return label // step if step > 1 else label


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and where the content begins and ends; behind it stands a checksum of four bytes."""
    position = len(START)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def as_grey(data: bytes) -> tuple[bytes, int]:
    """A palette PNG declared grey, so that decoding gives its indices, and the factor by which they are too large.

    Decoders stretch 1, 2 and 4 bits to a full byte. Other PNGs come back as they are.
    """
    found = list(chunks(data))
    if not found or found[0][1:] != (16, 29):
        return data, 1  # damaged; decoding says so
    width, height, bits, colour, *rest = struct.unpack(">IIBBBBB", data[16:29])
    if colour not in (GREY, PALETTE) or bits not in (1, 2, 4, 8):
        return data, 1
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, GREY, *rest)
    grey = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    pixels = [data[start - 8 : end + 4] for kind, start, end in found if kind in (b"IDAT", b"IEND")]
    return b"".join([START, grey, *pixels]), 255 // (2**bits - 1)
