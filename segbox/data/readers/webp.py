"""WebP. OpenCV decodes it; its EXIF chunk is looked for here."""

import struct
from collections.abc import Iterator

from segbox.data.readers.format import Format
from segbox.data.readers.orientation import EXIF_START


class WebP(Format):
    def fits(self, data: bytes) -> bool:
        return data[:4] == b"RIFF" and data[8:12] == b"WEBP"

    def exif_blocks(self, data: bytes) -> Iterator[int]:
        position = 12
        while position + 8 <= len(data):
            kind, length = struct.unpack_from("<4sI", data, position)
            start = position + 8
            if kind == b"EXIF":
                yield start + len(EXIF_START) if data[start : start + len(EXIF_START)] == EXIF_START else start
            position = start + length + length % 2
