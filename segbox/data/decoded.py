"""Decoded images and labels, kept in memory or on disk: from the second epoch on, nothing is decoded.

An entry is a file of raw pixels, mapped into memory by all workers and processes of a machine; a crop reads only the
pages that it shows. Its name is a hash of path, size and time of the original, so a changed file is another entry.
"""

import atexit
import json
import mmap
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import numpy as np

from segbox import __version__, distributed
from segbox.data import places
from segbox.errors import ConfigError
from segbox.machine import memory_left
from segbox.weights.sources.folders import cache_folder

Kind = Literal["ram", "disk"]
SHARED_MEMORY = Path("/dev/shm")
GRAIN = 2**14  # bytes that a byte of the ledger stands for
OLD = 3600  # seconds after which a file that is being written was left by a killed process
PREFIX = "segbox-decoded-"
HEADER = 128  # bytes before the pixels
DECODERS = f"{__version__} {cv2.__version__} {HEADER}"  # other versions may decode to other pixels


@dataclass(frozen=True)
class DecodedCache:
    """A folder of entries, of up to `limit` bytes. What does not fit is read from its file as before."""

    folder: Path
    limit: int
    run: str  # a name for this run, which says once that the cache is full

    def keep(self, path: str | Path, kind: str, read: Callable[[], np.ndarray]) -> np.ndarray:
        """What `read` makes of a file, from the cache if it is there. `kind` names what is read of it and how."""
        entry = self._entry(path, kind)
        if entry is None:
            return read()
        kept = _load(entry)
        if kept is not None:
            return kept
        array = read()
        self._store(entry, array)
        return array

    def may_hold(self, path: str | Path, kind: str) -> bool:
        """Whether `keep` gives the entry, or would store it."""
        entry = self._entry(path, kind)
        return entry is not None and (entry.exists() or not self.is_full())

    def is_full(self) -> bool:
        return self._full_sign.exists()

    @property
    def _full_sign(self) -> Path:
        return self.folder / f"full-{self.run}"

    @property
    def _ledger(self) -> Path:
        return self.folder / "used"

    def _used(self) -> int:
        """The ledger grows by appending, which processes can do at the same time: its length is what counts."""
        try:
            return self._ledger.stat().st_size * GRAIN
        except OSError:
            return 0

    def _entry(self, path: str | Path, kind: str) -> Path | None:
        """None for a file that is not there: reading it says so."""
        try:
            known = places.identity(path)
        except OSError:
            return None
        text = f"{os.path.abspath(path)}\0{known.size}\0{known.time}\0{kind}\0{DECODERS}"
        name = blake2b(os.fsencode(text), digest_size=16).hexdigest()
        return self.folder / name[:2] / name

    def _store(self, entry: Path, array: np.ndarray) -> None:
        if self.is_full():
            return
        if self._used() + array.nbytes > self.limit:
            return self._say_full(f"its limit, {self.limit / 2**30:.3g} GB, is reached (data.cache_limit sets it)")
        partial = self.folder / "partial" / f"{entry.name}-{os.getpid()}"
        try:
            for folder in (partial.parent, entry.parent):
                folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                _write(array, file)
                file.flush()
                os.fsync(file.fileno())  # or a power cut could leave a whole name with half of the pixels
            with self._ledger.open("ab") as ledger:
                ledger.write(b"." * -(-array.nbytes // GRAIN))
            os.replace(partial, entry)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            self._say_full(f"{self.folder} cannot be written to ({error.strerror})")

    def _say_full(self, why: str) -> None:
        with suppress(OSError):
            self._full_sign.touch(exist_ok=False)
            warnings.warn(f"data.cache: {why}; the other images are decoded each time", stacklevel=2)


def kept(cache: DecodedCache | None, path: str | Path, kind: str, read: Callable[[], np.ndarray]) -> np.ndarray:
    return read() if cache is None else cache.keep(path, kind, read)


def _load(entry: Path) -> np.ndarray | None:
    """None where there is no entry, or a damaged one. Who changes the array changes a copy of its own."""
    try:
        with entry.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        dtype, *shape = json.loads(content[:HEADER])
        return np.frombuffer(content, dtype, offset=HEADER).reshape(shape)
    except (OSError, ValueError, TypeError):
        return None


def _write(array: np.ndarray, file: BinaryIO) -> None:
    """Type and shape, then the pixels. (Reading the header of a .npy file takes as long as a crop.)"""
    file.write(json.dumps([array.dtype.str, *array.shape]).encode().ljust(HEADER))
    file.write(np.ascontiguousarray(array))


# --- opening ---------------------------------------------------------------------------------------------------------


@cache
def open_cache(kind: Kind, limit: float | None) -> DecodedCache:
    """The cache of this run: the same for all its data sets, and for its processes on a machine. All call it."""
    return distributed.once_per_machine(lambda: _in_memory(limit) if kind == "ram" else _on_disk(limit))


def _in_memory(limit: float | None) -> DecodedCache:
    if not SHARED_MEMORY.is_dir():
        raise ConfigError(f"data.cache='ram' needs {SHARED_MEMORY}, which this system does not have; 'disk' works here")
    import fcntl  # not on Windows

    _remove_left(SHARED_MEMORY)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=SHARED_MEMORY))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)  # held until this process and its workers have ended
    atexit.register(_remove, folder, os.getpid())
    free = min(shutil.disk_usage(SHARED_MEMORY).free, memory_left())
    return DecodedCache(folder, _bytes(limit, free), folder.name)


def _on_disk(limit: float | None) -> DecodedCache:
    """Entries stay for later runs; deleting the folder does no harm."""
    folder = cache_folder() / "decoded"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"data.cache='disk': {folder} cannot be made ({error.strerror}); SEGBOX_CACHE names another folder"
        ) from error
    for file in folder.glob("full-*"):
        file.unlink(missing_ok=True)
    for file in folder.glob("partial/*"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > OLD:
                file.unlink()
    used = DecodedCache(folder, 0, "")._used()
    run = blake2b(f"{os.getpid()} {time.time_ns()}".encode(), digest_size=8).hexdigest()
    return DecodedCache(folder, _bytes(limit, shutil.disk_usage(folder).free + used), run)


def _bytes(limit: float | None, free: int) -> int:
    return free // 2 if limit is None else int(limit * 2**30)


def _remove_left(place: Path) -> None:
    """Remove the folders of runs that were killed: nobody holds their locks any more."""
    import fcntl

    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder / "lock", os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
