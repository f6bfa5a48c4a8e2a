"""Writes output files atomically, and never overwrites files of the user.

A folder that a command has written to holds `.segbox_outputs`, with a line per file: the digest of its content and its
name. A file whose current content is recorded may be overwritten. All others belong to the user: images, labels,
predictions that were corrected by hand. If the record is deleted, all files do.
"""

import errno
import hashlib
import json
import os
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from segbox.errors import DataError, UserError

RECORD = ".segbox_outputs"
SHOWN = 3  # names in a message
REFUSED_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # errors of this name alone
NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)


def claim(targets: Iterable[tuple[Path, object]], inputs: Iterable[Path] = (), folders: Iterable[Path] = ()) -> None:
    """Raise UserError before the first write if it would overwrite a file of the user, or write one file twice.

    `targets` are pairs of a file and its source, `inputs` are files that the command reads, `folders` get files whose
    names are not known yet.
    """
    ignores_case = {str(folder): probe(existing(folder)) for folder in folders}
    planned = plan(targets, ignores_case)
    there = [
        path for folder, names in planned.items() for path in existing_files(Path(folder), names, ignores_case[folder])
    ]
    refuse_others(there)
    refuse_inputs(there, inputs)


def plan(targets: Iterable[tuple[Path, object]], ignores_case: dict[str, bool]) -> dict[str, dict[str, object]]:
    """The sources by folder and name. UserError if one file would be written twice. `ignores_case` gets the folders."""
    planned: dict[str, dict[str, object]] = {}  # strings, because there may be a million
    for path, source in targets:
        folder, name = os.path.split(path)
        if folder not in ignores_case:
            ignores_case[folder] = probe(existing(Path(folder)))
        names = planned.setdefault(folder, {})
        name = normalized_name(name, ignores_case[folder])
        if name in names:
            raise UserError(
                f"{names[name]} and {source} would both be written to {path}; rename one of them, or give each a"
                " folder of its own"
            )
        names[name] = source
    return planned


def existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)


def probe(folder: Path) -> bool:
    """Whether names in a folder ignore case. Raises UserError if the folder is not writable."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".segbox_", suffix="_Aa", dir=folder) as file:
            return os.path.lexists(Path(file.name).with_name(Path(file.name).name.swapcase()))
    except OSError as error:
        reason = "is a file, not a folder" if error.errno in NO_FOLDER else f"cannot be written to ({error.strerror})"
        raise UserError(f"{folder}: {reason}; choose another folder to write to") from error


def normalized_name(name: str, ignores_case: bool) -> str:
    return unicodedata.normalize("NFC", name).casefold() if ignores_case else name


def existing_files(folder: Path, names: Mapping[str, object], ignores_case: bool) -> Iterator[Path]:
    """The existing files of a folder that have one of the names."""
    present = {normalized_name(name, ignores_case): name for name in (os.listdir(folder) if folder.is_dir() else ())}
    yield from (folder / present[name] for name in names if name in present)


def refuse_others(paths: Iterable[Path]) -> None:
    """Raise UserError for files that no command has written, or that were changed since."""
    records: dict[Path, set[str]] = {}
    found = []
    for path in paths:
        if path.parent not in records:
            records[path.parent] = set(lines_of_record(path.parent))
        if not is_recorded(path, records[path.parent]):
            found.append(path)
    if found:
        raise UserError(
            f"{few(found)} would be written over, and {'were' if len(found) > 1 else 'was'} not written by segbox, or"
            " changed since; move what you need, or choose another place to write to. Nothing was written"
        )


def refuse_inputs(paths: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raise UserError for recorded files that are also inputs, such as predictions that serve as labels."""
    identities = {identity(path): path for path in paths}
    read = [path for path in (inputs if identities else ()) if identity(path) in identities]
    if read:
        raise UserError(
            f"{few(read)} would be read and written over; choose another place to write to. Nothing was written"
        )


def identity(path: Path) -> tuple[int, int] | None:
    try:
        known = path.stat()
    except OSError:  # reported when the file is read
        return None
    return known.st_dev, known.st_ino


def few(paths: list[Path]) -> str:
    more = f" and {len(paths) - SHOWN} more files" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more


# --- the record ------------------------------------------------------------------------------------------------------


def lines_of_record(folder: Path) -> list[str]:
    path = folder / RECORD
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []


def is_recorded(path: Path, lines: Collection[str]) -> bool:
    """Whether the record has this file with its current content."""
    return path.is_file() and not path.is_symlink() and line_of(path.name, digest(path)) in lines


def line_of(name: str, content: str) -> str:
    return f"{content} {json.dumps(name)}"


def recorded_names(folder: Path) -> set[str]:
    """The names of the files that commands have written into a folder."""
    names = set()
    for line in lines_of_record(folder):
        with suppress(ValueError):  # an incomplete line of a killed process
            names.add(str(json.loads(line.partition(" ")[2])))
    return names


def digest(path: Path) -> str:
    known = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            known.update(block)
    return known.hexdigest()


def record(path: Path, content: str) -> None:
    """Append a line in one write: lines of several processes do not mix. A symbolic link as the record is refused."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    file = os.open(path.parent / RECORD, flags, 0o666)
    try:
        os.write(file, f"{line_of(path.name, content)}\n".encode())
    finally:
        os.close(file)


# --- writing ---------------------------------------------------------------------------------------------------------


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Like atomic_file, and the file is recorded. Call `claim` for it before."""
    with atomic_file(path) as partial:
        yield partial
        with write_errors_named(path):
            record(path, digest(partial))


@contextmanager
def new_text_file(path: Path) -> Iterator[TextIO]:
    """Like new_file, opened: to write text bit by bit, inside of `write_errors_named`."""
    with new_file(path) as partial:
        with write_errors_named(path):
            file = partial.open("w", encoding="utf-8", newline="")
        try:
            yield file
        finally:
            with write_errors_named(path):  # the last rows may find the disk full
                file.close()


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path of the same suffix to write to; renamed to `path` at the end if there was no error."""
    partial = path.with_name(f".{hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()}{path.suffix}")
    try:
        with write_errors_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
        yield partial
        with write_errors_named(path):
            os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    with new_file(path) as partial, write_errors_named(path):
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def write_errors_named(path: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that names the file; a DataError if only this name is at fault."""
    try:
        yield
    except OSError as error:
        kind = DataError if error.errno in REFUSED_NAMES else UserError
        raise kind(f"{path} could not be written: {error.strerror or error}") from error
