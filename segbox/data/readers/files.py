"""Read image and label files: the values that are in them, or a DataError that says what is wrong.

The format is found once, by the first bytes; `FORMATS` are its readers, a module each.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from segbox.data import places
from segbox.data.readers.bmp import Bmp
from segbox.data.readers.format import KINDS, Format
from segbox.data.readers.jpeg import Jpeg
from segbox.data.readers.opencv import BYTE_FLAGS, Unreadable, channels_last, decode_bytes
from segbox.data.readers.orientation import turned
from segbox.data.readers.png import Png
from segbox.data.readers.tiff import Tiff
from segbox.data.readers.webp import WebP
from segbox.errors import DataError

FORMATS: tuple[Format, ...] = (Jpeg(), Png(), Tiff(), WebP(), Bmp(), Format())  # the last one takes all others
LARGEST = 2**31 - 1  # bytes of a file that OpenCV decodes
CONVERSIONS = {(1, 3): cv2.COLOR_GRAY2RGB, (4, 3): cv2.COLOR_RGBA2RGB, (3, 1): cv2.COLOR_RGB2GRAY}
CONVERSIONS[4, 1] = cv2.COLOR_RGBA2GRAY
CONVERTIBLE = ("uint8", "uint16", "float32")

Result = TypeVar("Result")


class OtherKind(DataError):
    """A sound image, but not of the channels or bits that were asked for."""


def read_image(path: str | Path, channels: int = 3, bits: int = 8, exif: bool = True) -> np.ndarray:
    """H W C in RGB order, its values as they are in the file.

    With 1 or 3 channels, grey and colour images are converted to them; with 8 bits, deeper integers are cut down to
    bytes. Other numbers must be the file's: nothing is stretched. The pages of a TIFF are channels. With `exif`, the
    image is turned as its EXIF orientation says, as viewers show it; without, it is as its pixels are stored.
    """
    return read(path, lambda data: decode_image(data, channels, bits, exif))


def decode_image(data: bytes, channels: int = 3, bits: int = 8, exif: bool = True) -> np.ndarray:
    """The image of a file's content, as `read_image` gives it."""

    def pixels(reader: Format, data: bytes) -> np.ndarray:
        if bits == 8 and channels in BYTE_FLAGS and reader.is_for_opencv(data):
            return decode_bytes(data, channels)
        return _in_bits(_in_channels(reader.stored(data), channels), bits)

    return _decoded(data, pixels, exif)


def read_label(path: str | Path, exif: bool = True) -> np.ndarray:
    """H W, uint8: the ids as they are stored; of a PNG with a palette the indices, not the colours.

    `exif` as for images; few masks have such a tag of their own.
    """
    return read(path, lambda data: decode_label(data, exif))


def decode_label(data: bytes, exif: bool = True) -> np.ndarray:
    """The label of a file's content, as `read_label` gives it."""
    return _decoded(data, lambda reader, data: _as_ids(reader.label(data)), exif)


def read(path: str | Path, decode: Callable[[bytes], Result]) -> Result:
    """What `decode` makes of the file's content. Errors name the file."""
    with errors_named(path):
        return decode(_read_bytes(path))


@contextmanager
def errors_named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise (OtherKind if isinstance(error, OtherKind) else DataError)(f"{path}: {error}") from error.__cause__


def _decoded(data: bytes, pixels: Callable[[Format, bytes], np.ndarray], exif: bool) -> np.ndarray:
    """What `pixels` decodes with the reader of the file's format."""
    reader = format_of(data)
    reader.check(data)
    try:
        decoded = pixels(reader, reader.upright(data))
    except Unreadable:
        reader.check_undecodable(data)
        raise
    return turned(decoded, reader.orientation(data)) if exif else decoded


def format_of(data: bytes) -> Format:
    """The reader for a file's content, which may be a memory map."""
    return next(reader for reader in FORMATS if reader.fits(data))


def orientation_of(data: bytes) -> int:
    """1 to 8, as EXIF numbers them; 1 where the file does not say it."""
    return format_of(data).orientation(data)


def _read_bytes(path: str | Path) -> bytes:
    data = places.read_bytes(path, LARGEST)
    if not data:
        raise DataError("the file is empty")
    return data


def _in_channels(image: np.ndarray, channels: int) -> np.ndarray:
    way = CONVERSIONS.get((image.shape[2], channels))
    if way is not None and image.dtype in CONVERTIBLE:
        return channels_last(cv2.cvtColor(image, way))
    if image.shape[2] != channels:
        raise OtherKind(f"has {image.shape[2]} channels, channels={channels} was asked for")
    return image


def _in_bits(image: np.ndarray, bits: int) -> np.ndarray:
    if bits == 8 and image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if image.dtype not in KINDS[bits]:
        own = f"{8 * image.dtype.itemsize} bits a channel ({image.dtype})"
        raise OtherKind(f"has {own}, bits={bits} ({KINDS[bits][0]}) was asked for")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = image.size - np.count_nonzero(np.isfinite(image))
        raise DataError(
            f"{count} of its {image.size} values are not numbers (NaN or infinite); write numbers there, and"
            " 255 into the mask"
        )
    return image


def _as_ids(label: np.ndarray) -> np.ndarray:
    if label.ndim == 3 and label.shape[2] > 1:
        raise OtherKind(f"is a colour image, not a mask of class ids; {_describe_colours(label)}")
    if label.dtype != np.uint8:
        raise OtherKind(
            f"a mask must hold one byte per pixel, this one is {label.dtype} with ids up to {label.max()};"
            " save it with 8 bits, ids 0 to 254 and 255 for ignored"
        )
    return label.reshape(label.shape[:2])


def _describe_colours(label: np.ndarray) -> str:
    """The commonest colours, as RGB, and the way out."""
    if label.shape[2] == 3 and (label == label[:, :, :1]).all():
        return "its three channels are equal: save only one of them"
    blue, green, red = (label[:, :, i].astype(np.int64) for i in range(3))
    colours, counts = np.unique(red << 32 | green << 16 | blue, return_counts=True)
    commonest = [int(colours[i]) for i in np.argsort(-counts, kind="stable")[:5]]
    shown = ", ".join(f"({c >> 32}, {c >> 16 & 0xFFFF}, {c & 0xFFFF})" for c in commonest)
    more = ", ..." if len(colours) > 5 else ""
    return (
        f"it holds {len(colours)} colours: {shown}{more}."
        " Save one byte per pixel instead: the id of the class, 255 where there is none"
    )
