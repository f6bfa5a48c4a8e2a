"""WebP. OpenCV decodes it; its EXIF chunk is looked for here."""

import struct
from collections.abc import Iterator

from segbox.data.readers.format import ClaimedSize, Format
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

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        """Of the first chunk: an extended file (VP8X), lossy (VP8) or lossless (VP8L) pixels."""
        kind, first = data[12:16], data[20:30]
        if len(first) < 10:
            return None
        if kind == b"VP8X":
            return ClaimedSize(1 + int.from_bytes(first[7:10], "little"), 1 + int.from_bytes(first[4:7], "little"))
        if kind == b"VP8 " and first[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", first[6:])
            return ClaimedSize(height & 0x3FFF, width & 0x3FFF)
        if kind == b"VP8L" and first[:1] == b"\x2f":
            bits = int.from_bytes(first[1:5], "little")
            return ClaimedSize(1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF))
        return None
