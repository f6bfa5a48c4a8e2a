"""Files inside of .zip and plain .tar files, read in any order by any number of processes.

The list of the files is made once and kept in the folder of caches, where all processes map it into memory. Nobody
keeps a file open: each read opens the archive, so nothing is shared between processes.
"""

import posixpath
import shutil
import struct
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from os import fsencode
from pathlib import Path

import numpy as np

from segbox.errors import DataError
from segbox.weights.sources.folders import cache_folder

SUFFIXES = (".zip", ".tar")
COMPRESSED = {
    ".gz": "gunzip -k",
    ".tgz": "gunzip -k -S .tgz",
    ".bz2": "bunzip2 -k",
    ".xz": "unxz -k",
    ".zst": "zstd -d",
}
MAGIC = {b"\x1f\x8b": ".gz", b"BZ": ".bz2", b"\xfd7": ".xz", b"\x28\xb5": ".zst"}
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip's file: the lengths of its name and of what follows the name
IS_ENCRYPTED = 1  # a flag

Row = tuple[int, int, int, int, int]  # where its bytes (tar) or its local header (zip) begin, packed, size, method, CRC


class Archive:
    """The files of one archive: sorted names, one block of bytes and the end of each, and a `Row` for each."""

    def __init__(self, path: str, names: np.ndarray, ends: np.ndarray, rows: np.ndarray) -> None:
        self.path = path
        self.names = names
        self.ends = ends
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, index: int) -> bytes:
        return bytes(self.names[self.ends[index] : self.ends[index + 1]])

    def first_from(self, name: bytes) -> int:
        """The first index whose name is not before this one."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.name(middle) < name else (low, middle)
        return low

    def row_of(self, inside: str) -> np.ndarray | None:
        name = fsencode(inside)
        index = self.first_from(name)
        return self.rows[index] if index < len(self) and self.name(index) == name else None

    def below(self, folder: str) -> Iterator[bytes]:
        """The files in a folder at any depth, as seen from it."""
        begin = fsencode(f"{folder}/" if folder else "")
        index = self.first_from(begin)
        while index < len(self) and (name := self.name(index)).startswith(begin):
            yield name[len(begin) :]
            index += 1

    def read(self, row: np.ndarray) -> bytes:
        start, packed, size, method, crc = map(int, row)
        with open(self.path, "rb") as file:
            if method >= 0:
                file.seek(start)
                start += LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size)))
            file.seek(start)
            data = file.read(packed)
        if method < 0:  # a tar's file, which has no checksum
            return data
        try:
            data = zlib.decompress(data, -zlib.MAX_WBITS, max(1, size)) if method == DEFLATED else data
        except zlib.error:
            data = b""
        if len(data) != size or zlib.crc32(data) != crc:
            raise DataError("is damaged inside of the archive; copy or download the archive again")
        return data


def open_archive(path: str) -> Archive:
    known = Path(path).stat()
    return _opened(path, known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=64)
def _opened(path: str, size: int, time: int) -> Archive:
    """From the cached list, or from the archive itself, whose list is then cached."""
    key = blake2b(fsencode(f"{Path(path).absolute()}\0{size}\0{time}"), digest_size=16).hexdigest()
    folder = cache_folder() / "archives" / key
    try:
        return Archive(path, *(np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("names", "ends", "rows")))
    except (OSError, ValueError, EOFError):
        pass
    entries = sorted(dict(_entries(path, size)).items())  # of several of one name, the last counts
    names, ends = b"".join(name for name, _ in entries), np.cumsum([0, *(len(name) for name, _ in entries)])
    rows = np.array([row for _, row in entries], np.int64).reshape(-1, 5)
    found = Archive(path, np.frombuffer(names, np.uint8), ends, rows)
    _keep(found, folder)
    return found


def _keep(archive: Archive, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for part in ("names", "ends", "rows"):
                np.save(partial / f"{part}.npy", getattr(archive, part))
            with suppress(FileExistsError, OSError):  # another process was faster
                partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        warnings.warn(
            f"{archive.path}: its list of files cannot be kept in {folder.parent} ({error.strerror}), so each process"
            " makes it again; SEGBOX_CACHE names another folder",
            stacklevel=2,
        )


# --- listing ---------------------------------------------------------------------------------------------------------


def _entries(path: str, size: int) -> Sequence[tuple[bytes, Row]]:
    """The files of an archive. DataError where some of them could not be read later."""
    with open(path, "rb") as file:
        refuse_compressed(path, MAGIC.get(file.read(2), Path(path).suffix))
    try:
        return _of_zip(path) if path.lower().endswith(".zip") else _of_tar(path, size)
    except DataError:
        raise
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, struct.error, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: is no sound zip or tar file ({error}); copy or download it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def refuse_compressed(path: str, suffix: str) -> None:
    if suffix.lower() in COMPRESSED:
        raise DataError(
            f"{path}: is compressed as a whole, so no file in it can be read without all before it. Make a plain tar of"
            f" it: {COMPRESSED[suffix.lower()]} {path}"
        )


def _of_zip(path: str) -> Sequence[tuple[bytes, Row]]:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        if info.flag_bits & IS_ENCRYPTED:
            raise DataError(f"{path}: {info.filename} is encrypted; make an archive without a password")
        if info.compress_type not in (STORED, DEFLATED):
            raise DataError(
                f"{path}: {info.filename} is compressed by method {info.compress_type}; stored and deflated files can"
                " be read: zip -0 -r NEW.zip FOLDER"
            )
    return [
        (_plain(i.filename), (i.header_offset, i.compress_size, i.file_size, i.compress_type, i.CRC)) for i in infos
    ]


def _of_tar(path: str, size: int) -> Sequence[tuple[bytes, Row]]:
    with tarfile.open(path, "r:") as archive:
        infos = archive.getmembers()
    end = max((info.offset_data + (info.size if info.isreg() else 0) for info in infos), default=0)
    if -(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE + tarfile.BLOCKSIZE > size:  # a block of zeros is the end
        raise DataError(f"{path}: is cut off after {len(infos)} files and folders; copy or download it again")
    return [(_plain(info.name), (info.offset_data, info.size, info.size, -1, 0)) for info in infos if info.isreg()]


def _plain(name: str) -> bytes:
    return fsencode(posixpath.normpath(name))
