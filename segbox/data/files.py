"""Read image and label files: exactly what is in them, or a DataError that says what is wrong."""

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from segbox.errors import DataError

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
JPEG_END = b"\xff\xd9"
START_OF_SCAN = 0xDA
LARGEST = 2**31 - 1  # bytes of a file that OpenCV decodes
SET_LOG_LEVEL = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, OpenCV 5
READ_FLAGS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR}


def read_image(path: str | Path, channels: int = 3) -> np.ndarray:
    """H W C in RGB order. With 1 or 3 channels any image is converted to them; another number must be the file's."""
    data = _read_whole(path)
    image = _decode(data, path, READ_FLAGS.get(channels, cv2.IMREAD_UNCHANGED))
    if image.ndim == 2:
        image = image[:, :, None]
    if image.shape[2] != channels:
        raise DataError(f"{path}: has {image.shape[2]} channels, channels={channels} was asked for")
    if channels == 3:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA) if channels == 4 else image


def read_label(path: str | Path) -> np.ndarray:
    """H W, uint8: the ids as they are stored; of a PNG with a palette the indices, not the colours."""
    data = _read_whole(path)
    step = 1
    if data.startswith(PNG_START):
        data, step = _as_grey(data)
    label = _decode(data, path, cv2.IMREAD_UNCHANGED)
    if label.ndim == 3 and label.shape[2] > 1:
        raise DataError(f"{path}: is a colour image, not a mask of class ids; {_describe_colours(label)}")
    if label.dtype != np.uint8:
        raise DataError(
            f"{path}: a mask must hold one byte per pixel, this one is {label.dtype} with ids up to {label.max()};"
            " save it with 8 bits, ids 0 to 254 and 255 for ignored"
        )
    label = label.reshape(label.shape[:2])
    return label // step if step > 1 else label


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
        raise DataError(f"{path}: the file is cut off after {len(data)} bytes; copy or download it again")
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
    return data.startswith(PNG_START) and data.rfind(b"IEND") < 0


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
        with _quiet():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DataError(f"{path}: cannot be decoded ({error.err})") from error
    if image is None:
        raise DataError(f"{path}: is not an image that can be read, or it is damaged")
    return image


@contextmanager
def _quiet() -> Iterator[None]:
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
    if colour not in (0, 3) or bits == 16:
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
