"""The EXIF orientation of a file: how a viewer turns the stored pixels before it shows them.

Decoders differ in what they turn, by format and by version. So pixels are decoded as they are stored, and turned here.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

UPRIGHT = 1
TRANSPOSED = (5, 6, 7, 8)  # height and width change places
ORIENTATION = 0x0112
LONG = 4  # a number of 32 bits; else of 16
EXIF = 0xE1
START_OF_SCAN = 0xDA
JPEG_START = b"\xff\xd8"
PNG_START = b"\x89PNG\r\n\x1a\n"
EXIF_START = b"Exif\0\0"
BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def orientation_of(data: bytes) -> int:
    """1 to 8, as EXIF numbers them; 1 where the file says nothing that can be understood."""
    return _find(data).value


def stored_upright(data: bytes) -> bytes:
    """A TIFF file that says orientation 1: OpenCV turns TIFF files, whatever its flags are. Others as they are."""
    tag = _find(data)
    if tag.value == UPRIGHT or data[:2] not in BYTE_ORDERS:
        return data
    return data[: tag.place] + struct.pack(tag.kind, UPRIGHT) + data[tag.place + struct.calcsize(tag.kind) :]


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


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, and where its content begins and ends, up to the pixels."""
    position = len(JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == START_OF_SCAN:
            return
        if marker == 0xFF:  # padding before a marker
            position += 1
            continue
        yield marker, position + 4, position + 2 + length
        position += 2 + length


class Tag(NamedTuple):
    value: int = UPRIGHT
    place: int = 0
    kind: str = "<H"  # as `struct` names it


def _find(data: bytes) -> Tag:
    try:
        for start in _blocks(data):
            found = _entry(data, start)
            if found is not None:
                return found
    except (struct.error, OverflowError):  # damaged; nobody turns an image by it
        pass
    return Tag()


def _blocks(data: bytes) -> Iterator[int]:
    """Where a TIFF header begins whose first directory may hold the tag."""
    if data[:2] in BYTE_ORDERS:
        yield 0
    elif data[:2] == JPEG_START:
        for marker, start, _ in jpeg_segments(data):
            if marker == EXIF and data[start : start + 6] == EXIF_START:
                yield start + 6
    elif data[:8] == PNG_START:
        yield from _chunks(data, 8, b"eXIf", is_png=True)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from _chunks(data, 12, b"EXIF", is_png=False)


def _chunks(data: bytes, position: int, kind: bytes, is_png: bool) -> Iterator[int]:
    """Where the content of the chunks of this kind begins. Before it stand length and kind, in PNG, or both changed."""
    while position + 8 <= len(data):
        if is_png:
            length, own = struct.unpack_from(">I4s", data, position)
            end = position + 12 + length  # a checksum behind it
        else:
            own, length = struct.unpack_from("<4sI", data, position)
            end = position + 8 + length + length % 2
        if own == kind:
            start = position + 8
            yield start + 6 if data[start : start + 6] == EXIF_START else start
        position = end


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
