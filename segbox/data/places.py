"""The places that data sets are read from: folders, and archives, whose files have paths like `a.zip/images/1.jpg`."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from segbox.data.archives import SUFFIXES, Archive, open_archive, refuse_compressed
from segbox.errors import DataError

ARCHIVE = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz|zst))(?=[/\\]|$)", re.IGNORECASE)


class Identity(NamedTuple):
    """What changes when a file does."""

    size: int
    time: int


def split(path: str | os.PathLike) -> tuple[str, str] | None:
    """The archive in a path and the path inside of it; None for files and folders of the disk."""
    text = os.fspath(path)
    for found in ARCHIVE.finditer(text):
        archive = text[: found.end()]
        if os.path.isfile(archive):
            suffix = os.path.splitext(archive)[1].lower()
            if suffix not in SUFFIXES:
                refuse_compressed(archive, suffix)
            inside = os.path.normpath(text[found.end() :].lstrip("/\\")).replace("\\", "/")
            return archive, "" if inside == "." else inside
    return None


def is_folder(path: str | os.PathLike) -> bool:
    archive, inside = _opened(path)
    if archive is None:
        return os.path.isdir(path)
    return not inside or next(archive.below(inside), None) is not None


def is_file(path: str | os.PathLike) -> bool:
    archive, inside = _opened(path)
    return os.path.isfile(path) if archive is None else archive.row_of(inside) is not None


def walk(folder: str | os.PathLike) -> Iterator[tuple[str, str]] | None:
    """Each file below a folder of an archive: its folder ("" or "a/b/") and its name; None for folders of the disk."""
    archive, inside = _opened(folder)
    if archive is None:
        return None
    paths = (os.fsdecode(path).rpartition("/") for path in archive.below(inside))
    return ((begin + slash, name) for begin, slash, name in paths)


def identity(path: str | os.PathLike) -> Identity:
    """Raises FileNotFoundError. Of a file in an archive: the archive's."""
    found = split(path)
    known = os.stat(path if found is None else found[0])
    return Identity(known.st_size, known.st_mtime_ns)


def read_bytes(path: str | os.PathLike, most: int | None = None) -> bytes:
    """The content of a plain file, of up to `most` bytes: reading a pipe or a device has no end."""
    archive, inside = _opened(path)
    try:
        if archive is not None:
            row = archive.row_of(inside)
            if row is None:
                raise DataError("there is no such file in the archive")
            _refuse_large(int(row[2]), most)
            return archive.read(row)
        known = os.stat(path)
        if not stat.S_ISREG(known.st_mode):
            raise DataError(f"cannot be read, it is a {'folder' if os.path.isdir(path) else 'pipe or a device'}")
        _refuse_large(known.st_size, most)
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from error


def _refuse_large(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise DataError(f"the file has {size} bytes; images are read from up to {most}")


def _opened(path: str | os.PathLike) -> tuple[Archive | None, str]:
    found = split(path)
    return (None, "") if found is None else (open_archive(found[0]), found[1])
