"""Decoding by OpenCV: faster than Pillow on JPEG and PNG, and it reads 16 bits and floats as they are."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from segbox.errors import DataError

SET_LOG_LEVEL = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, OpenCV 5
AS_STORED = cv2.IMREAD_IGNORE_ORIENTATION
BYTE_FLAGS = {1: cv2.IMREAD_GRAYSCALE | AS_STORED, 3: cv2.IMREAD_COLOR | AS_STORED}  # by number of channels
RGB_FLAG = getattr(cv2, "IMREAD_COLOR_RGB", None)  # from OpenCV 4.11 on; ...
RGB_STARTS = (b"\xff\xd8", b"\x89PNG")  # ... it is right for JPEG and PNG, and not for every format
RGB_ORDER = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}


class Unreadable(DataError):
    """The file cannot be decoded."""

    def __init__(self, reason: str = "is not an image that can be read, or it is damaged") -> None:
        super().__init__(reason)


def decode(data: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """H W or H W C, colours in OpenCV's order."""
    try:
        with quiet():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise Unreadable(f"cannot be decoded ({error.err})") from error
    if image is None:
        raise Unreadable
    return image


def decode_bytes(data: bytes, channels: int) -> np.ndarray:
    """H W C of 1 or 3 channels in RGB order, whatever the file holds; 16 bits lose the lower eight."""
    if channels == 3 and RGB_FLAG is not None and data[:4].startswith(RGB_STARTS):
        return decode(data, RGB_FLAG | AS_STORED)
    image = channels_last(decode(data, BYTE_FLAGS[channels]))
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image) if channels == 3 else image


def decode_stored(data: bytes) -> np.ndarray:
    """H W C in RGB order, the channels and values of the file."""
    image = channels_last(decode(data))
    return cv2.cvtColor(image, RGB_ORDER[image.shape[2]]) if image.shape[2] in RGB_ORDER else image


def decode_anything(data: bytes) -> np.ndarray | None:
    """As OpenCV reads it, without any check before; None where it cannot."""
    try:
        return decode(data) if data else None
    except Unreadable:
        return None


def channels_last(image: np.ndarray) -> np.ndarray:
    return image[:, :, None] if image.ndim == 2 else image


@contextmanager
def quiet() -> Iterator[None]:
    """Without OpenCV's own messages about a file; the error that follows says more."""
    before = SET_LOG_LEVEL(0)
    try:
        yield
    finally:
        SET_LOG_LEVEL(before)
