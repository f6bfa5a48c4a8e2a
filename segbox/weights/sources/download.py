"""Downloads a file: once for all processes of a machine, resumed after a cut, checked, and put in place whole.

Until it is complete, it is called NAME.part; what its server says of its version is in NAME.part.version.
"""

import errno
import hashlib
import http.client
import logging
import os
import re
import shutil
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from segbox.errors import CheckpointError
from segbox.progress import ProgressBar
from segbox.weights.sources import messages
from segbox.weights.sources.location import Location
from segbox.weights.sources.lock import locked
from segbox.weights.sources.messages import WaysOut
from segbox.weights.sources.transport import BROKEN, request

logger = logging.getLogger("segbox")
ATTEMPTS = 3  # in a row, without a byte that arrives
PAUSE = 1.0  # seconds after the first failed attempt
CHUNK = 2**18
MEGABYTE = 10**6
RANGE_IS_WRONG = 416
GIT_DIGITS = 40


class CutError(Exception):
    """The connection ended before the file did."""


class StartAgainError(Exception):
    """The part on this disk does not fit what the server has."""

    def __str__(self) -> str:
        return "its part on this disk does not fit what the server has"


def fetch(location: Location, target: Path, ways: WaysOut, lock: Path | None = None) -> None:
    """Download to `target`, if no other process does it first. The lock file stays if it is given."""
    own = target.with_name(f".{target.name}.lock")
    reason = f"waiting for another process, which downloads {location.filename}"
    with disk_errors_explained(target), locked(lock or own, reason):
        try:
            if not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                download(location, target, ways)
        finally:
            with suppress(OSError):  # Windows deletes no open file
                own.unlink()


def download(location: Location, target: Path, ways: WaysOut) -> None:
    part = target.with_name(f"{target.name}.part")
    for is_last in (False, True):
        begun_before = size_of(part) > 0
        complete(location, part, ways)
        problem = messages.wrong_content(location, part, digest_of(part, location.digest), ways)
        if not problem:
            break
        forget(part)
        if is_last or not begun_before:  # a part of another version may have been completed: that is tried once more
            raise CheckpointError(problem)
    os.replace(part, target)
    version_file(part).unlink(missing_ok=True)


def complete(location: Location, part: Path, ways: WaysOut) -> None:
    """Receive what is missing of the file, in several attempts if the connection breaks."""
    failures = 0
    while True:
        before = size_of(part)
        try:
            return receive(location, part, ways)
        except StartAgainError as error:
            forget(part)
            cause = error
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in (408, 429) and error.code < 500:
                raise CheckpointError(messages.refused(location.url, error.code, ways)) from None
            cause = error
        except (CutError, *BROKEN) as error:
            cause = error
            if is_without_network(error):
                raise CheckpointError(messages.no_network(location.url, error, ways)) from None
        failures = 0 if size_of(part) > before else failures + 1
        if failures == ATTEMPTS:
            raise CheckpointError(messages.cut(location.url, cause, size_of(part), ways)) from None
        logger.info(f"{location.filename}: {messages.reason(cause)}; going on at {megabytes(size_of(part))} MB")
        time.sleep(PAUSE * 2 ** max(0, failures - 1))


def receive(location: Location, part: Path, ways: WaysOut) -> None:
    """One attempt: append to the part what it lacks. Raises CutError if the connection ends early."""
    start, version = size_of(part), read_version(part)
    if start and not (version or location.digest):  # nothing would tell that the file has changed
        start = 0
    asked = {"Range": f"bytes={start}-", **({"If-Range": version} if version and not location.digest else {})}
    try:
        answer = request(location.url, {**location.headers, **(asked if start else {})})
    except urllib.error.HTTPError as error:
        if error.code == RANGE_IS_WRONG and start:
            error.close()
            raise StartAgainError from None
        raise
    with answer:
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise CheckpointError(messages.web_page(location.url, ways))
        if answer.status != http.client.PARTIAL_CONTENT or not continues(answer, start):
            start = 0
        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        refuse_small_disk(part, start, total)
        version_file(part).write_text(version_of(answer), encoding="utf-8")
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            done = copy(answer, file, start, total, location)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise CutError(f"the connection was cut after {megabytes(done)} of {megabytes(total)} MB")


def copy(answer: http.client.HTTPResponse, file: IO[bytes], start: int, total: int | None, location: Location) -> int:
    """Write the answer's content into the file, with a progress bar; returns the bytes that the file now has."""
    if total is None or total > MEGABYTE:  # not for a config or a README
        rest = f", from {megabytes(start)} on" if start else ""
        logger.info(f"downloading {location.url}{f' ({megabytes(total)} MB{rest})' if total else ''}")
    bar = ProgressBar((total or 0) // MEGABYTE)
    done = start
    try:
        for chunk in chunks(answer):
            file.write(chunk)
            done += len(chunk)
            if total:
                bar.show(done // MEGABYTE, f"MB of {location.filename}")
    finally:
        bar.clear()
    return done


def chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:  # of the network: a disk's are raised elsewhere
            raise CutError(f"the connection was cut: {messages.reason(error)}") from None
        if not chunk:
            return
        yield chunk


def continues(answer: http.client.HTTPResponse, start: int) -> bool:
    """Whether a partial answer begins where the part ends."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    if found and int(found[1]) != start:
        raise StartAgainError
    return found is not None


def version_of(answer: http.client.HTTPResponse) -> str:
    """What tells this version of a file from others: a strong ETag, or the date. Empty if the server says neither."""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")


def version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def read_version(part: Path) -> str:
    with suppress(OSError):
        return version_file(part).read_text(encoding="utf-8")
    return ""


def forget(part: Path) -> None:
    for path in (part, version_file(part)):
        path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f}" if size < 10 * MEGABYTE else f"{size / MEGABYTE:.0f}"


def is_without_network(error: BaseException) -> bool:
    """Whether trying again is of no use: the name is unknown, or nobody listens."""
    inner = getattr(error, "reason", error)
    may_pass = isinstance(inner, TimeoutError | ConnectionError | CutError | http.client.HTTPException)
    return not may_pass or isinstance(inner, ConnectionRefusedError)


def refuse_small_disk(part: Path, start: int, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - start > free:
        raise CheckpointError(messages.full_disk(part, total - start, free))


@contextmanager
def disk_errors_explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            forget(target.with_name(f"{target.name}.part"))
            raise CheckpointError(messages.full_disk(target, None, None)) from None
        raise CheckpointError(messages.not_writable(target, error)) from None


def digest_of(path: Path, expected: str) -> str:
    """The hash of the file that `expected` is the beginning of; empty if nothing is expected."""
    if not expected:
        return ""
    if len(expected) == GIT_DIGITS:
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
