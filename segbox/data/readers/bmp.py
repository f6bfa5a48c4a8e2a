"""BMP. OpenCV decodes it; its size is read here."""

import struct

from segbox.data.readers.format import ClaimedSize, Format

OLDEST_HEADER = 12  # bytes; its numbers have 16 bits


class Bmp(Format):
    def fits(self, data: bytes) -> bool:
        return data[:2] == b"BM"

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        if len(data) < 26:
            return None
        (header,) = struct.unpack_from("<I", data, 14)
        width, height = struct.unpack_from("<HH" if header == OLDEST_HEADER else "<ii", data, 18)
        return ClaimedSize(abs(height), abs(width))  # a height below 0: the first row is the top one
