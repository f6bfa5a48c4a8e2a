"""TIFF files as sensors give them: any number of channels, as samples of a pixel, as planes, or as pages (TIFF 6.0).

OpenCV reads only the first page and at most four channels, and drops or mixes some of them without an error. It unpacks
images of one channel well. So the directories are parsed here (tifffile would need imagecodecs as well, for LZW), and
each page is declared to be of one channel, decoded by OpenCV, and split again.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from segbox.data.readers import opencv
from segbox.data.readers.format import ClaimedSize, Format, Header, cut_off
from segbox.data.readers.orientation import UPRIGHT, find_tag
from segbox.errors import DataError

MARKS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}  # of the two byte orders, classic and BigTIFF
NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # the types of tags that hold numbers
SHORT, LONG = 3, 4

KIND, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIPS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANES, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES, SAMPLE_FORMAT = 322, 323, 324, 325, 339
KEPT = (HEIGHT, COMPRESSION, FILL_ORDER, ROWS_PER_STRIP, TILE_HEIGHT)  # copied to a declared page
READ = {*KEPT, KIND, WIDTH, BITS, PHOTOMETRIC, STRIPS, SAMPLES, STRIP_SIZES, PLANES, PREDICTOR}
READ |= {TILE_WIDTH, TILES, TILE_SIZES, SAMPLE_FORMAT}
LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits"}
SMALLER_OR_MASK = 0b101  # of KIND: a preview of another page, or its transparency
DIFFERENCES = 2  # a predictor: each sample is stored as its difference from the one on its left
GREY, PALETTE = 1, 3  # of PHOTOMETRIC

Directory = dict[int, tuple[int, ...]]  # tag -> its numbers


@dataclass(frozen=True)
class Page:
    tags: Directory

    def first(self, tag: int, default: int) -> int:
        return self.tags.get(tag, (default,))[0]

    @property
    def channels(self) -> int:
        return self.first(SAMPLES, 1)

    @property
    def bits(self) -> int:
        return self.first(BITS, 1)

    @property
    def width(self) -> int:
        return self.first(WIDTH, 0)

    @property
    def size(self) -> tuple[int, int]:
        return self.first(HEIGHT, 0), self.width

    @property
    def has_planes(self) -> bool:
        return self.channels > 1 and self.first(PLANES, 1) == 2

    @property
    def has_palette(self) -> bool:
        return self.first(PHOTOMETRIC, GREY) == PALETTE

    @property
    def starts(self) -> tuple[int, ...]:
        """Positions of its tiles or strips, plane by plane."""
        return self.tags.get(TILES, self.tags.get(STRIPS, ()))

    @property
    def end(self) -> int:
        """The position behind its last byte."""
        sizes = self.tags.get(TILE_SIZES, self.tags.get(STRIP_SIZES, ()))
        return max(map(sum, zip(self.starts, sizes)), default=0)


class Tiff(Format):
    def fits(self, data: bytes) -> bool:
        return data[:4] in MARKS

    def check_undecodable(self, data: bytes) -> None:
        if is_cut(data):
            raise cut_off(data)

    def upright(self, data: bytes) -> bytes:
        """With orientation 1 in it: OpenCV turns TIFF files, whatever its flags are."""
        tag = find_tag(data, self.exif_blocks(data))
        if tag.value == UPRIGHT:
            return data
        return data[: tag.position] + struct.pack(tag.kind, UPRIGHT) + data[tag.position + struct.calcsize(tag.kind) :]

    def exif_blocks(self, data: bytes) -> Iterator[int]:
        return iter((0,))

    def header(self, data: bytes) -> Header | None:
        """Pages are channels; with a palette it is a colour image."""
        try:
            pages = read_pages(data)
        except struct.error:
            return None
        channels = sum(3 if page.has_palette else page.channels for page in pages)
        return Header(channels, pages[0].bits, self.orientation(data)) if pages else None

    def claimed_size(self, data: bytes) -> ClaimedSize | None:
        """Of previews and masks, too: OpenCV may read them."""
        try:
            pages = [Page(tags) for tags in read_directories(data)]
        except struct.error:
            return None
        heights, widths = zip(*(page.size for page in pages)) if pages else ((), ())
        return ClaimedSize(max(heights), max(widths), sum(page.channels for page in pages)) if pages else None

    def is_for_opencv(self, data: bytes) -> bool:
        """One page of at most four channels. (Of a damaged file, too: decoding says what is wrong.)"""
        try:
            pages = read_pages(data)
        except struct.error:
            return True
        return len(pages) <= 1 and all(page.channels <= 4 for page in pages)

    def stored(self, data: bytes) -> np.ndarray:
        try:
            with opencv.quiet():
                return decode(data)
        except ValueError as error:
            raise opencv.Unreadable(str(error)) from None
        except (struct.error, cv2.error):
            raise opencv.Unreadable from None

    def label(self, data: bytes) -> np.ndarray:
        if not self.is_for_opencv(data):
            raise DataError("a mask has one channel in one page; this TIFF has more of them")
        return opencv.decode(data)


def read_pages(data: bytes) -> list[Page]:
    """The pages in order, without previews and transparency masks of other pages."""
    return [Page(tags) for tags in read_directories(data) if not tags.get(KIND, (0,))[0] & SMALLER_OR_MASK]


def read_directories(data: bytes) -> list[Directory]:
    """struct.error if the file ends too early or its directories overlap: 1 MB of them can claim 10^12 numbers."""
    order, is_big = MARKS[data[:4]], data[2:3] == b"+" or data[3:4] == b"+"
    found, seen = [], {0}
    (place,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    left = len(data)
    while place not in seen:
        seen.add(place)
        tags, place, left = _read_directory(data, place, order, is_big, left)
        found.append(tags)
    return found


def is_cut(data: bytes) -> bool:
    """Whether data that its directories claim lie behind the end of the file."""
    try:
        return any(page.end > len(data) for page in read_pages(data))
    except struct.error:
        return True


def decode(data: bytes) -> np.ndarray:
    """H W C, the values as they are stored. ValueError tells what cannot be read."""
    pages = read_pages(data)
    sizes = sorted({f"{page.size[0]}x{page.size[1]}" for page in pages})
    if len(sizes) != 1:
        shown = f"its pages, which are read as channels, are of several sizes (height x width): {', '.join(sizes)}"
        raise ValueError(shown if sizes else "is a TIFF without a page, or it is damaged")
    for page in pages:
        _check(page)
    declared = [directory for page in pages for directory in _declare(page)]
    is_read, pictures = cv2.imdecodemulti(_with_directories(data, declared), cv2.IMREAD_UNCHANGED)
    if not is_read or len(pictures) != len(declared):
        compression = pages[0].first(COMPRESSION, 1)
        raise ValueError(f"is not a TIFF that can be read (compression {compression}), or it is damaged")
    parts = iter(pictures)
    return np.concatenate([_assemble(page, parts) for page in pages], axis=2)


def _read_directory(data: bytes, place: int, order: str, is_big: bool, left: int) -> tuple[Directory, int, int]:
    """The tags in READ, the position of the next directory, and how many bytes may still be read."""
    count_type, value_type, head = ("Q", "Q", 12) if is_big else ("H", "I", 8)
    (count,) = struct.unpack_from(order + count_type, data, place)
    place += struct.calcsize(count_type)
    inline = struct.calcsize(value_type)
    left -= count * (head + inline)
    tags: Directory = {}
    for entry in range(place, place + count * (head + inline), head + inline):
        tag, kind, length = struct.unpack_from(f"{order}HH{value_type}", data, entry)
        if tag not in READ or kind not in NUMBERS:
            continue
        numbers = f"{order}{length}{NUMBERS[kind]}"
        start = entry + head
        if struct.calcsize(numbers) > inline:
            (start,) = struct.unpack_from(order + value_type, data, start)
            left -= struct.calcsize(numbers)
        if left < 0:
            raise struct.error("its directories are larger than the file")
        tags[tag] = struct.unpack_from(numbers, data, start)
    (following,) = struct.unpack_from(order + value_type, data, place + count * (head + inline))
    return {tag: numbers for tag, numbers in tags.items() if numbers}, following, left


def _check(page: Page) -> None:
    bits, compression = page.tags.get(BITS, (1,)), page.first(COMPRESSION, 1)
    if len(set(bits)) > 1:
        raise ValueError(f"its channels differ in their bits ({', '.join(map(str, bits))}); save all with the same")
    if page.has_planes and len(page.starts) < page.channels:
        raise ValueError(f"claims {page.channels} channels that are not there: it is damaged")
    if page.channels == 1 or page.has_planes:
        return  # OpenCV reads it
    if compression not in LOSSLESS or page.first(PREDICTOR, 1) > DIFFERENCES:
        raise ValueError(
            f"{page.channels} channels in compression {compression} with predictor {page.first(PREDICTOR, 1)} cannot be"
            f" read; save it with {', '.join(dict.fromkeys(LOSSLESS.values()))}, and predictor 1 or 2"
        )


def _declare(page: Page) -> list[Directory]:
    """Directories of one-channel images: one per plane, or one in which the samples of a pixel are neighbours."""
    shared = {tag: page.tags[tag] for tag in KEPT if tag in page.tags}
    shared |= {BITS: (page.bits,), SAMPLE_FORMAT: (page.first(SAMPLE_FORMAT, 1),), SAMPLES: (1,), PHOTOMETRIC: (GREY,)}
    is_tiled = TILES in page.tags
    starts, sizes = (TILES, TILE_SIZES) if is_tiled else (STRIPS, STRIP_SIZES)
    blocks = {tag: page.tags[tag] for tag in (starts, sizes) if tag in page.tags}
    side_by_side = 1 if page.has_planes else page.channels
    shared[WIDTH] = (page.width * side_by_side,)
    if is_tiled:
        shared[TILE_WIDTH] = (page.first(TILE_WIDTH, 0) * side_by_side,)
    if side_by_side == 1 and PREDICTOR in page.tags:
        shared[PREDICTOR] = page.tags[PREDICTOR]
    if not page.has_planes:
        return [shared | blocks]
    count = len(page.starts) // page.channels
    return [
        shared | {tag: numbers[plane * count : (plane + 1) * count] for tag, numbers in blocks.items()}
        for plane in range(page.channels)
    ]


def _with_directories(data: bytes, directories: list[Directory]) -> np.ndarray:
    """The file with its directories replaced by these."""
    order = MARKS[data[:4]]
    place = len(data) + len(data) % 2
    parts = [data[:2] + struct.pack(order + "HI", 42, place), memoryview(data)[8:], b"\0" * (len(data) % 2)]
    for i, directory in enumerate(directories):
        part = _pack(directory, place, order, is_last=i == len(directories) - 1)
        parts.append(part)
        place += len(part)
    if place >= 2**32:
        raise ValueError("is larger than 4 GiB; cut it into smaller images")
    return np.frombuffer(b"".join(parts), np.uint8)


def _pack(directory: Directory, position: int, order: str, is_last: bool) -> bytes:
    """The bytes of a directory at `position`, the numbers that do not fit into it, and the link to the next one."""
    body_at = position + 2 + 12 * len(directory) + 4
    head, body = struct.pack(order + "H", len(directory)), b""
    for tag, numbers in sorted(directory.items()):
        kind = SHORT if max(numbers) < 2**16 and tag not in (STRIPS, TILES) else LONG
        packed = struct.pack(f"{order}{len(numbers)}{NUMBERS[kind]}", *numbers)
        if len(packed) > 4:
            packed, body = struct.pack(order + "I", body_at + len(body)), body + packed + b"\0" * (len(packed) % 2)
        head += struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    return head + struct.pack(order + "I", 0 if is_last else body_at + len(body)) + body


def _assemble(page: Page, parts) -> np.ndarray:
    """H W C of one page from its declared images."""
    height, width = page.size
    if page.has_planes:
        return np.stack([_unscaled(next(parts), page.bits) for _ in range(page.channels)], axis=2)
    picture = _unscaled(next(parts), page.bits)
    if picture.shape != (height, width * page.channels):
        raise ValueError(f"is not a TIFF that can be read: {page.channels} channels of {page.bits} bits")
    image = picture.reshape(height, width, page.channels)
    if page.channels == 1 or page.first(PREDICTOR, 1) != DIFFERENCES:
        return image
    bits = image.view(f"u{image.itemsize}")  # differences are those of the bits, also for floats
    step = page.first(TILE_WIDTH, width)
    sums = [np.cumsum(bits[:, x : x + step], axis=1, dtype=bits.dtype) for x in range(0, width, step)]
    return np.concatenate(sums, axis=1).view(image.dtype)


def _unscaled(picture: np.ndarray, bits: int) -> np.ndarray:
    """OpenCV unpacks 10, 12 and 14 bits to the upper bits of 16."""
    return picture >> (16 - bits) if 8 < bits < 16 else picture
