"""The EXIF orientation of a file: how a viewer turns the stored pixels before it shows them.

Decoders differ in what they turn, by format and by version, so pixels are decoded as they are stored and turned here.
The tag is parsed here because OpenCV does not report it.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

UPRIGHT = 1
TRANSPOSED = (5, 6, 7, 8)  # height and width change places
ORIENTATION = 0x0112
LONG = 4  # a number of 32 bits; else of 16
EXIF_START = b"Exif\0\0"
BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """H W or H W C, as a viewer shows it."""
    if orientation == UPRIGHT:
        return pixels
    if orientation in TRANSPOSED:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


class Tag(NamedTuple):
    value: int = UPRIGHT
    position: int = 0  # of the value, in the file
    kind: str = "<H"  # as `struct` names it


def find_tag(data: bytes, blocks: Iterable[int]) -> Tag:
    """The first orientation in these TIFF structures, given by where they begin. Of damaged ones: upright."""
    try:
        for start in blocks:
            found = _entry(data, start)
            if found is not None:
                return found
    except (struct.error, OverflowError):
        pass
    return Tag()


def _entry(data: bytes, start: int) -> Tag | None:
    """The tag in the first directory of a TIFF structure, classic or BigTIFF."""
    order = BYTE_ORDERS.get(data[start : start + 2])
    if order is None:
        return None
    (version,) = struct.unpack_from(order + "H", data, start + 2)
    number, count_type, size, value_at = ("Q", "Q", 20, 12) if version == 43 else ("I", "H", 12, 8)
    (directory,) = struct.unpack_from(order + number, data, start + (8 if version == 43 else 4))
    (count,) = struct.unpack_from(order + count_type, data, start + directory)
    first = start + directory + struct.calcsize(count_type)
    for entry in range(first, first + count * size, size):
        tag, number_type = struct.unpack_from(order + "HH", data, entry)
        if tag == ORIENTATION:
            kind = order + ("I" if number_type == LONG else "H")
            (value,) = struct.unpack_from(kind, data, entry + value_at)
            return Tag(value if value in range(1, 9) else UPRIGHT, entry + value_at, kind)
    return None
