"""What an image file says of itself: its channels, bits and orientation. Decoding hides them."""

import mmap
from pathlib import Path

from segbox.data import places
from segbox.data.readers.files import format_of
from segbox.data.readers.format import Header
from segbox.errors import DataError


def read_header(path: str | Path) -> Header | None:
    """None where the file is not an image. Of large files, only the parts that say it are read."""
    if places.split(path) is not None:
        return _of_archive(path)
    if not Path(path).is_file():  # opening a pipe would wait for a writer
        return None
    with Path(path).open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # empty
            return None
        with mapped:
            return format_of(mapped).header(mapped)


def _of_archive(path: str | Path) -> Header | None:
    try:
        data = places.read_bytes(path)
    except DataError:  # reported when the image is read
        return None
    return format_of(data).header(data) if data else None
