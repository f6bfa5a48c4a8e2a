"""A lock that one process of a machine holds, in a file; the system releases it when the process ends."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

logger = logging.getLogger("segbox")


@contextmanager
def locked(path: Path, reason: str) -> Iterator[None]:
    """Hold the lock; a process that has to wait for it logs `reason`.

    The file may be deleted by the process that holds it: others then lock the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+b") as file:
            take(file, reason)
            try:
                if is_same(path, file):
                    yield
                    return
            finally:
                release(file)


def is_same(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def take(file: IO[bytes], reason: str) -> None:
        file.seek(0)
        while True:
            try:
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # waits for 10 seconds
            except OSError:
                logger.info(reason)

    def release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def take(file: IO[bytes], reason: str) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info(reason)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # some network disks have no locks
            logger.warning("%s cannot be locked (%s): let no other process download it", file.name, error.strerror)

    def release(file: IO[bytes]) -> None:
        """Closing the file releases the lock."""
