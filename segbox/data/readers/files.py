"""Read image and label files: exactly what is in them, or a DataError that says what is wrong."""

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from segbox.data.readers import tiff
from segbox.data.readers.orientation import (
    JPEG_START,
    PNG_START,
    START_OF_SCAN,
    orientation_of,
    stored_upright,
    turned,
)
from segbox.errors import DataError

JPEG_END = b"\xff\xd9"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by its colour type, as they are stored
MOST_UNFOLDED = 1032  # bytes that deflate can make of one
LARGEST = 2**31 - 1  # bytes of a file that OpenCV decodes
SET_LOG_LEVEL = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, OpenCV 5
AS_STORED = cv2.IMREAD_IGNORE_ORIENTATION
READ_FLAGS = {1: cv2.IMREAD_GRAYSCALE | AS_STORED, 3: cv2.IMREAD_COLOR | AS_STORED}
KINDS = {8: ("uint8",), 16: ("uint16", "int16"), 32: ("float32",)}  # what images of so many bits are made of
CONVERSIONS = {(1, 3): cv2.COLOR_GRAY2RGB, (4, 3): cv2.COLOR_RGBA2RGB, (3, 1): cv2.COLOR_RGB2GRAY}
CONVERSIONS[4, 1] = cv2.COLOR_RGBA2GRAY
CONVERTIBLE = ("uint8", "uint16", "float32")
UNREADABLE = "is not an image that can be read, or it is damaged"


class OtherKind(DataError):
    """A sound image, but not of the channels or bits that were asked for."""


def read_image(path: str | Path, channels: int = 3, bits: int = 8, exif: bool = True) -> np.ndarray:
    """H W C in RGB order, its values as they are in the file.

    With 1 or 3 channels, grey and colour images are converted to them; with 8 bits, deeper integers are cut down to
    bytes. Other numbers must be the file's: nothing is stretched. The pages of a TIFF are channels. With `exif`, the
    image is turned as its EXIF orientation says, as viewers show it; without, it is as its pixels are stored.
    """
    data = _read_whole(path)
    image = _read_stored(stored_upright(data), path, channels, bits)
    return turned(image, orientation_of(data)) if exif else image


def _read_stored(data: bytes, path: str | Path, channels: int, bits: int) -> np.ndarray:
    if bits == 8 and channels in READ_FLAGS and not _has_too_much_for_opencv(data):
        image = _as_channels_last(_decode(data, path, READ_FLAGS[channels]))
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image) if channels == 3 else image
    return _in_bits(_in_channels(_as_stored(data, path), channels, path), bits, path)


def read_label(path: str | Path, exif: bool = True) -> np.ndarray:
    """H W, uint8: the ids as they are stored; of a PNG with a palette the indices, not the colours.

    `exif` as for images; few masks have such a tag of their own.
    """
    data = _read_whole(path)
    label = _read_stored_label(stored_upright(data), path)
    return turned(label, orientation_of(data)) if exif else label


def _read_stored_label(data: bytes, path: str | Path) -> np.ndarray:
    step = 1
    if _has_too_much_for_opencv(data):
        raise DataError(f"{path}: a mask has one channel in one page; this TIFF has more of them")
    if data.startswith(PNG_START):
        data, step = _as_grey(data)
    label = _decode(data, path, cv2.IMREAD_UNCHANGED)
    if label.ndim == 3 and label.shape[2] > 1:
        raise OtherKind(f"{path}: is a colour image, not a mask of class ids; {_describe_colours(label)}")
    if label.dtype != np.uint8:
        raise OtherKind(
            f"{path}: a mask must hold one byte per pixel, this one is {label.dtype} with ids up to {label.max()};"
            " save it with 8 bits, ids 0 to 254 and 255 for ignored"
        )
    label = label.reshape(label.shape[:2])
    return label // step if step > 1 else label


def _as_stored(data: bytes, path: str | Path) -> np.ndarray:
    """H W C, RGB order, whatever channels and depth the file has."""
    if tiff.is_tiff(data):
        return _decode_tiff(data, path)
    image = _as_channels_last(_decode(data, path, cv2.IMREAD_UNCHANGED))
    swaps = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return cv2.cvtColor(image, swaps[image.shape[2]]) if image.shape[2] in swaps else image


def _in_channels(image: np.ndarray, channels: int, path: str | Path) -> np.ndarray:
    way = CONVERSIONS.get((image.shape[2], channels))
    if way is not None and image.dtype in CONVERTIBLE:
        return _as_channels_last(cv2.cvtColor(image, way))
    if image.shape[2] != channels:
        raise OtherKind(f"{path}: has {image.shape[2]} channels, channels={channels} was asked for")
    return image


def _in_bits(image: np.ndarray, bits: int, path: str | Path) -> np.ndarray:
    if bits == 8 and image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if image.dtype not in KINDS[bits]:
        own = f"{8 * image.dtype.itemsize} bits a channel ({image.dtype})"
        raise OtherKind(f"{path}: has {own}, bits={bits} ({KINDS[bits][0]}) was asked for")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        count = image.size - np.count_nonzero(np.isfinite(image))
        raise DataError(
            f"{path}: {count} of its {image.size} values are no numbers (NaN or infinite); write numbers there, and"
            " 255 into the mask"
        )
    return image


def _as_channels_last(image: np.ndarray) -> np.ndarray:
    return image[:, :, None] if image.ndim == 2 else image


def _has_too_much_for_opencv(data: bytes) -> bool:
    """A TIFF of several pages or more than four channels."""
    if not tiff.is_tiff(data):
        return False
    try:
        pages = tiff.read_pages(data)
    except struct.error:  # damaged; decoding says so
        return False
    return len(pages) > 1 or any(page.channels > 4 for page in pages)


def _read_whole(path: str | Path) -> bytes:
    try:
        data = _bytes_of(Path(path))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise DataError(f"{path}: the file is empty")
    if _is_cut_png(data) or _is_cut_jpeg(data):
        raise DataError(_cut(path, data))
    _refuse_empty_png(data, path)
    return data


def _bytes_of(path: Path) -> bytes:
    """Of a plain file: reading a pipe or a device has no end."""
    known = path.stat()
    if not stat.S_ISREG(known.st_mode):
        raise DataError(f"{path}: cannot be read, it is a {'folder' if path.is_dir() else 'pipe or a device'}")
    if known.st_size > LARGEST:
        raise DataError(f"{path}: the file has {known.st_size} bytes; pictures are read from up to {LARGEST}")
    return path.read_bytes()


def _is_cut_png(data: bytes) -> bool:
    """A chunk says that it ends behind the file (decoders would take the memory for it), or the last one is missing."""
    if not data.startswith(PNG_START):
        return False
    position = len(PNG_START)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IEND":
            return False
        position += 12 + length
    return True


def _refuse_empty_png(data: bytes, path: str | Path) -> None:
    """One that says it is larger than anything its bytes can unfold to: decoders would take the memory for it."""
    if not data.startswith(PNG_START) or len(data) < 26:
        return
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    if height * (width * bits * PNG_CHANNELS.get(colour, 1) // 8) > MOST_UNFOLDED * len(data):
        raise DataError(f"{path}: says that it is {width} pixels wide and {height} high; its {len(data)} bytes are not")


def _is_cut_jpeg(data: bytes) -> bool:
    """No end marker behind the start of the picture. (The thumbnail before it has markers of its own.)"""
    if not data.startswith(JPEG_START):
        return False
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == START_OF_SCAN:
            return data.rfind(JPEG_END, position) < 0
        position += 1 if marker == 0xFF else 2 + length  # 0xFF before a marker is padding
    return position + 4 > len(data)  # else it is no JPEG at all, and decoding says so


def _decode(data: bytes, path: str | Path, flags: int) -> np.ndarray:
    try:
        with quiet():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError(f"{path}: cannot be decoded ({error.err})") from error
    if image is None:
        _refuse_cut_tiff(data, path)
        raise DataError(f"{path}: {UNREADABLE}")
    return image


def decode_anything(data: bytes) -> np.ndarray | None:
    """As OpenCV sees it, whatever it is; None where it sees nothing."""
    try:
        with quiet():
            return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        return None


def _decode_tiff(data: bytes, path: str | Path) -> np.ndarray:
    try:
        with quiet():
            return tiff.decode(data)
    except ValueError as error:
        reason = str(error)
    except (struct.error, cv2.error):
        reason = UNREADABLE
    _refuse_cut_tiff(data, path)
    raise DataError(f"{path}: {reason}")


def _refuse_cut_tiff(data: bytes, path: str | Path) -> None:
    if tiff.is_tiff(data) and tiff.is_cut(data):
        raise DataError(_cut(path, data))


def _cut(path: str | Path, data: bytes) -> str:
    return f"{path}: the file is cut off after {len(data)} bytes; copy or download it again"


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV also prints what it thinks of a file; the error that follows says it better."""
    before = SET_LOG_LEVEL(0)
    try:
        yield
    finally:
        SET_LOG_LEVEL(before)


def _as_grey(data: bytes) -> tuple[bytes, int]:
    """A palette PNG declared grey, so that decoding gives its indices, and the factor by which they are too large.

    Decoders stretch 1, 2 and 4 bits to a full byte. Other PNGs come back as they are.
    """
    chunks = _png_chunks(data)
    if not chunks or len(chunks[0]) != 25:
        return data, 1  # damaged; decoding says so
    width, height, bits, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][8:21])
    if colour not in (0, 3) or bits not in (1, 2, 4, 8):
        return data, 1
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 0, *rest)
    grey = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    pixels = [chunk for chunk in chunks if chunk[4:8] in (b"IDAT", b"IEND")]  # the others belong to the palette
    return b"".join([PNG_START, grey, *pixels]), 255 // (2**bits - 1)


def _png_chunks(data: bytes) -> list[bytes]:
    """Each with its length, its kind and its checksum."""
    chunks, position = [], len(PNG_START)
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        chunks.append(data[position:end])
        position = end
    return chunks


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
