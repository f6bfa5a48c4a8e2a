"""Read one array of a MATLAB 5 file, the format of SBD and of Pascal Context's full labels.

scipy.io reads these files too; this parser saves the package for two converters, and limits what a file unpacks to.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from segbox.errors import DataError

HEADER = 128  # bytes of text, version and byte order
MATRIX, COMPRESSED = 14, 15
STRUCT = 2
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
LARGEST = 2**26  # bytes that a compressed variable may unpack to
MOST = 100  # parts of a variable that are read


def read_array(path: Path, *names: str) -> np.ndarray:
    """The variable of that name; with two names, a field of it."""
    data = path.read_bytes()
    if data[124:128] != b"\x00\x01IM":
        raise DataError(f"{path}: is not a little-endian MATLAB 5 file")
    try:
        for kind, element in _elements(data[HEADER:]):
            if kind == COMPRESSED:
                _, element = next(_elements(zlib.decompressobj().decompress(element, LARGEST)))
            found = _matrix(element, names)
            if found is not None:
                return found
    except (struct.error, zlib.error, IndexError, KeyError, ValueError, StopIteration) as error:
        raise DataError(f"{path}: is damaged, or uses features that are not supported ({error})") from None
    raise DataError(f"{path}: holds no {'.'.join(names)}")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each element. Up to four bytes of content are stored in the tag."""
    position = 0
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<II", data, position)
        start = position + 8
        if kind >> 16:
            kind, length, start = kind & 0xFFFF, kind >> 16, position + 4
        if start + length > len(data):
            raise ValueError("it ends too early")
        yield kind, data[start : start + length]
        is_small = start == position + 4
        position = start + (4 if is_small else length if kind == COMPRESSED else -(-length // 8) * 8)


def _matrix(data: bytes, names: tuple[str, ...]) -> np.ndarray | None:
    """The array of the first name, or its field of the second; None if the name is another."""
    parts = list(islice(_elements(data), MOST))
    if not parts or parts[2][1].decode("latin-1") != names[0]:
        return None
    if len(names) == 1:
        return _numbers(parts)
    if parts[0][1][0] != STRUCT:
        return None
    length = int.from_bytes(parts[3][1], "little")
    text = parts[4][1]
    fields = [text[i : i + length].split(b"\0")[0].decode("latin-1") for i in range(0, len(text), length)]
    return _numbers(list(_elements(parts[5 + fields.index(names[1])][1]))) if names[1] in fields else None


def _numbers(parts: list[tuple[int, bytes]]) -> np.ndarray:
    """An array from its parts: flags, dimensions, name, real part."""
    shape = np.frombuffer(parts[1][1], "<i4")
    kind, content = parts[3]
    return np.frombuffer(content, "<" + NUMBERS[kind]).reshape(shape, order="F")
