"""The rows of a PNG mask from the top, decoded as far as they are asked for.

It is for files of bytes whose rows are stored as they are, or as differences to the pixel on the left: the filters
"none" and "sub". OpenCV writes such masks, and Pillow those with a palette. The other filters need a loop over pixels.
"""

import struct
import zlib
from collections.abc import Callable, Sequence

import cv2
import numpy as np

HEADER_END = 33  # signature and first chunk
GREY, PALETTE, SUB = 0, 3, 1  # colour types, and a filter
FIRST = 16  # rows that are looked at for other filters
BLOCK = 64  # pixels that are summed one after the other, those of all blocks at once


class PngRows:
    """`whole` decodes all of the file, which is done where a row has another filter or is damaged."""

    def __init__(self, stream: bytes, shape: tuple[int, int], whole: Callable[[], np.ndarray]) -> None:
        self.whole = whole
        self.left = stream
        self.inflater = zlib.decompressobj()
        self.pixels = np.empty(shape, np.uint8)
        self.known = 0

    def read(self, rows: int) -> np.ndarray:
        """The first rows."""
        if rows > self.known and not self.extend(rows):
            self.pixels = self.whole()
            self.known = len(self.pixels)
        return self.pixels[:rows]

    def extend(self, rows: int) -> bool:
        """Decode up to this row. False where that is not possible here."""
        height, stored_width = rows - self.known, 1 + self.pixels.shape[1]
        try:
            content = self.inflater.decompress(self.left, height * stored_width)
        except zlib.error:
            return False
        self.left = self.inflater.unconsumed_tail
        if len(content) < height * stored_width:
            return False
        lines = np.frombuffer(content, np.uint8).reshape(height, stored_width)
        filters, values = lines[:, 0], lines[:, 1:]
        if filters.max() > SUB:
            return False
        part = self.pixels[self.known : rows]
        part[:] = running_sums(values) if filters.any() else values
        part[filters != SUB] = values[filters != SUB]
        self.known = rows
        return True


def open_rows(data: bytes, contents: Sequence[tuple[int, int]], whole: Callable[[], np.ndarray]) -> PngRows | None:
    """None for files of other kinds. `contents` is where the compressed pixels stand."""
    if len(data) < HEADER_END or data[8:16] != b"\0\0\0\x0dIHDR":
        return None
    width, height, bits, colour, *ways = struct.unpack_from(">IIBBBBB", data, 16)
    if bits != 8 or colour not in (GREY, PALETTE) or any(ways) or not width * height:  # one of the ways: interlaced
        return None
    if any(zlib.crc32(data[start - 4 : end]) != int.from_bytes(data[end : end + 4], "big") for start, end in contents):
        return None
    rows = PngRows(b"".join(data[start:end] for start, end in contents), (height, width), whole)
    return rows if rows.extend(min(FIRST, height)) else None


def running_sums(values: np.ndarray) -> np.ndarray:
    """Along each row of H W, modulo 256. np.cumsum and libpng go through the bytes one by one, in twice the time."""
    height, width = values.shape
    blocks = -(-width // BLOCK)
    padded = np.zeros((height, blocks * BLOCK), np.uint8)
    padded[:, :width] = values
    turned = cv2.transpose(padded.reshape(-1, BLOCK))
    for i in range(1, BLOCK):
        np.add(turned[i], turned[i - 1], out=turned[i])
    totals = turned[-1].reshape(height, blocks)
    turned += (np.cumsum(totals, axis=1, dtype=np.uint8) - totals).ravel()
    return cv2.transpose(turned).reshape(height, -1)[:, :width]
