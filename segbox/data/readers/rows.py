"""Images and labels of which only the first rows are decoded: a crop rarely reaches the last, and all cost the same."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segbox.data.placement import Size
from segbox.data.readers.files import decode_image, decode_label, errors_named, format_of, read
from segbox.data.readers.format import Format, Rows
from segbox.data.readers.opencv import BYTE_FLAGS
from segbox.data.readers.orientation import UPRIGHT


@dataclass(frozen=True, eq=False)
class TopRows:
    """A file that was read and not decoded."""

    path: str | Path
    size: Size
    decode: Rows

    def read(self, rows: int) -> np.ndarray:
        """The first rows, bit for bit those of `read_image` or `read_label`."""
        with errors_named(self.path):
            return self.decode(rows)


def read_late(path: str | Path, channels: int, bits: int, exif: bool) -> TopRows | np.ndarray:
    """The image of `read_image` where the file must be decoded as a whole."""

    def open_file(data: bytes) -> TopRows | np.ndarray:
        reader = _checked(data)
        is_plain = bits == 8 and channels in BYTE_FLAGS and _is_upright(reader, data, exif)
        decode = reader.rows(data, channels) if is_plain else None
        return decode_image(data, channels, bits, exif) if decode is None else _opened(path, reader, data, decode)

    return read(path, open_file)


def read_label_late(path: str | Path, exif: bool) -> TopRows | np.ndarray:
    """The label of `read_label` where the file must be decoded as a whole."""

    def open_file(data: bytes) -> TopRows | np.ndarray:
        reader = _checked(data)
        decode = reader.label_rows(data) if _is_upright(reader, data, exif) else None
        return decode_label(data, exif) if decode is None else _opened(path, reader, data, decode)

    return read(path, open_file)


def _checked(data: bytes) -> Format:
    reader = format_of(data)
    reader.check(data)
    return reader


def _is_upright(reader: Format, data: bytes, exif: bool) -> bool:
    return not exif or reader.orientation(data) == UPRIGHT


def _opened(path: str | Path, reader: Format, data: bytes, decode: Rows) -> TopRows:
    size = reader.claimed_size(data)
    return TopRows(path, (size.height, size.width), decode)
