"""JPEG. OpenCV decodes it, and fills what is missing of a cut file with grey: the end is looked for here, before."""

import re
import struct
from collections.abc import Iterator

from segbox.data.readers.format import ClaimedSize, Format, Header, Rows, cut_off
from segbox.data.readers.opencv import decode_bytes
from segbox.data.readers.orientation import EXIF_START

START, END = b"\xff\xd8", b"\xff\xd9"
EXIF, START_OF_SCAN, RESTARTS, PADDING = 0xE1, 0xDA, 0xDD, 0xFF
NEXT_MARKER = re.compile(b"\xff[^\x00\xff]")  # within the pixels 0xFF is followed by 0
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
WITHOUT_CONTENT = {0x01, *range(0xD0, 0xDA)}  # no length follows them: decoders go on in other places than `segments`
BASELINE = (0xC0, 0xC1)
LARGEST_BLOCK = 32  # rows that are coded together, at most


class Jpeg(Format):
    def fits(self, data: bytes) -> bool:
        return data[: len(START)] == START

    def check(self, data: bytes) -> None:
        """An end marker must follow the start of the pixels. (The thumbnail before it has markers of its own.)"""
        last = len(START)
        for marker, start, end in segments(data):
            if marker == START_OF_SCAN:
                if data.rfind(END, start) < 0:
                    raise cut_off(data)
                return
            last = end
        if last + 4 > len(data):  # else it is not a JPEG at all, and decoding says so
            raise cut_off(data)

    def exif_blocks(self, data: bytes) -> Iterator[int]:
        for marker, start, _ in segments(data):
            if marker == EXIF and data[start : start + len(EXIF_START)] == EXIF_START:
                yield start + len(EXIF_START)

    def header(self, data: bytes) -> Header | None:
        for marker, start, _ in segments(data):
            if marker in FRAMES and start + 6 <= len(data):
                return Header(data[start + 5], data[start], self.orientation(data))
        return None

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        for marker, start, _ in segments(data):
            if marker in WITHOUT_CONTENT:
                return None
            if marker in FRAMES and start + 5 <= len(data):
                return ClaimedSize(*struct.unpack_from(">HH", data, start + 1))
        return None

    def rows(self, data: bytes, channels: int) -> Rows | None:
        size = self.claimed_size(data)
        if size is None or self.top(data, size.height) is None:
            return None
        return lambda rows: decode_bytes(self.top(data, rows), channels)[:rows]

    def top(self, data: bytes, rows: int) -> bytes | None:
        """Baseline files of one scan, with a smaller height in the header and without what follows the pixels.

        The end marker is left out too: libjpeg would search for it, and print how many bytes it skips. Rows that are
        coded together mix at their edges, so more are kept.
        """
        found = {marker: (start, end) for marker, start, end in segments(data)}
        frame = next((found[marker][0] for marker in BASELINE if marker in found), None)
        scan, rest = found.get(START_OF_SCAN, (0, 0))
        if frame is None or not scan or data[scan] != data[frame + 5] or RESTARTS in found:  # the scan has all channels
            return None
        height, kept = self.claimed_size(data).height, rows + LARGEST_BLOCK
        end = NEXT_MARKER.search(data, rest) if kept <= height - LARGEST_BLOCK else None
        if end is None or end.group() != END:
            return data
        return b"".join([data[: frame + 1], struct.pack(">H", kept), data[frame + 3 : end.start()]])


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, and where its content begins and ends; the last is the start of the pixels."""
    position = len(START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == PADDING:
            position += 1
            continue
        yield marker, position + 4, position + 2 + length
        if marker == START_OF_SCAN:
            return
        position += 2 + length
