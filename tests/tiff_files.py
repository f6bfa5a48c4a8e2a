"""TIFF files of every layout, made by hand: nothing that the project depends on writes them."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

FORMATS = {"u": 1, "i": 2, "f": 3}  # of samples: unsigned, signed, floats


def write_tiff(
    path: Path,
    image: np.ndarray,
    planes: bool = False,
    pages: bool = False,
    tile: tuple[int, int] | None = None,
    deflated: bool = False,
    differences: bool = False,
    order: str = "<",
    bits: int | None = None,
    more_tags: Mapping[int, int] | None = None,
) -> Path:
    """H W C: the channels of a pixel side by side, in `planes`, or in `pages`; in strips, or in tiles.

    With `bits`, values take no more than these, and rows are filled up to whole bytes.
    """
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8))
    pointer = 4  # where the place of the next directory is to be written
    for page in np.split(image, image.shape[2], axis=2) if pages else [image]:
        blocks = [_packed(block, differences, order, bits) for block in _blocks(page, planes, tile)]
        blocks = [zlib.compress(block) for block in blocks] if deflated else blocks
        starts = [len(data) + sum(map(len, blocks[:i])) for i in range(len(blocks))]
        tags = _tags(page, tile, starts, [len(block) for block in blocks])
        tags |= {259: [8 if deflated else 1], 284: [2 if planes else 1]} | ({317: [2]} if differences else {})
        tags |= {258: [bits] * page.shape[2]} if bits else {}
        tags |= {tag: [value] for tag, value in (more_tags or {}).items()}
        data += b"".join(blocks)
        data[pointer : pointer + 4] = struct.pack(order + "I", len(data))
        pointer = len(data) + 2 + 12 * len(tags)
        data += _directory(tags, len(data), order)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _tags(page: np.ndarray, tile: tuple[int, int] | None, starts: list[int], sizes: list[int]) -> dict[int, list[int]]:
    height, width, channels = page.shape
    rows, columns = tile or _strip(page)
    tags = {256: [width], 257: [height], 258: [8 * page.itemsize] * channels, 262: [1], 277: [channels]}
    tags |= {322: [columns], 323: [rows], 324: starts, 325: sizes} if tile else {273: starts, 278: [rows], 279: sizes}
    return tags | {339: [FORMATS[page.dtype.kind]] * channels}


def _directory(tags: Mapping[int, list[int]], place: int, order: str) -> bytes:
    """All numbers with 32 bits; no directory follows, until its place is written."""
    body_at = place + 2 + 12 * len(tags) + 4
    entries, body = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > 4:
            packed, body = struct.pack(order + "I", body_at + len(body)), body + packed
        entries += struct.pack(order + "HHI", tag, 4, len(numbers)) + packed
    return struct.pack(order + "H", len(tags)) + entries + b"\0" * 4 + body


def _strip(page: np.ndarray) -> tuple[int, int]:
    return page.shape[0] // 2 + 1, page.shape[1]


def _blocks(page: np.ndarray, planes: bool, tile: tuple[int, int] | None) -> Iterator[np.ndarray]:
    """The strips or tiles of a page, plane by plane; tiles are whole also where the image ends."""
    rows, columns = tile or _strip(page)
    for plane in np.split(page, page.shape[2], axis=2) if planes else [page]:
        for top in range(0, page.shape[0], rows):
            for left in range(0, page.shape[1], columns):
                block = plane[top : top + rows, left : left + columns]
                missing = (rows - block.shape[0], columns - block.shape[1]) if tile else (0, 0)
                yield np.pad(block, [(0, missing[0]), (0, missing[1]), (0, 0)])


def _packed(block: np.ndarray, differences: bool, order: str, bits: int | None) -> bytes:
    if differences:
        whole = block.view(f"u{block.itemsize}")
        block = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], axis=1)
    if bits:
        single = block[..., None] >> np.arange(bits, dtype=block.dtype)[::-1] & 1
        return np.packbits(single.reshape(len(block), -1).astype(np.uint8), axis=1).tobytes()
    return block.astype(block.dtype.newbyteorder(order)).tobytes()
