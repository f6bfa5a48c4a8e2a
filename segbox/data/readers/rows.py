"""Images of which only the first rows are decoded: a crop rarely reaches the last one, and rows cost the same."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segbox.data.placement import Size
from segbox.data.readers.files import decode_image, errors_named, format_of, read
from segbox.data.readers.format import Format
from segbox.data.readers.opencv import BYTE_FLAGS, decode_bytes
from segbox.data.readers.orientation import UPRIGHT


@dataclass(frozen=True, eq=False)
class TopRows:
    """An image file that was read and not decoded."""

    path: str | Path
    data: bytes
    reader: Format
    size: Size
    channels: int

    def read(self, rows: int) -> np.ndarray:
        """The first rows, bit for bit those of `read_image`."""
        with errors_named(self.path):
            return decode_bytes(self.reader.top(self.data, rows), self.channels)[:rows]


def read_late(path: str | Path, channels: int, bits: int, exif: bool) -> TopRows | np.ndarray:
    """The image of `read_image` where the file must be decoded as a whole."""

    def open_file(data: bytes) -> TopRows | np.ndarray:
        reader = format_of(data)
        reader.check(data)
        size = reader.claimed_size(data)
        is_plain = bits == 8 and channels in BYTE_FLAGS and not (exif and reader.orientation(data) != UPRIGHT)
        if not is_plain or size is None or reader.top(data, size.height) is None:
            return decode_image(data, channels, bits, exif)
        return TopRows(path, data, reader, (size.height, size.width), channels)

    return read(path, open_file)
