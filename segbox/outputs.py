"""Files that tools write: whole or not at all, and never over a file of the user's.

A folder that a tool has written to holds `.segbox_outputs`, with a line for each file: the digest of its content, and
its name. A file whose present content is recorded may be written again. Everything else is the user's own: an image, a
label, a prediction that was corrected by hand. Where the record is deleted, all files are the user's.
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

from segbox.errors import DataError, UserError

RECORD = ".segbox_outputs"
SHOWN = 3  # names in a message
REFUSED_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # another name could be written
NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)


def claim(targets: Iterable[tuple[Path, object]], inputs: Iterable[Path] = (), folders: Iterable[Path] = ()) -> None:
    """Refuse, before the first file is written, what would write over a file of the user's or twice to one file.

    `targets` are files and what they are made from; `inputs` are files that the tool reads; `folders` are written to
    by names that are not known yet.
    """
    planned: dict[str, dict[str, object]] = {}  # by folder; of strings, for there may be a million
    is_blind = {str(folder): probe(existing(folder)) for folder in folders}
    for path, source in targets:
        folder, name = os.path.split(path)
        if folder not in is_blind:
            is_blind[folder] = probe(existing(Path(folder)))
        names = planned.setdefault(folder, {})
        name = as_told_apart(name, is_blind[folder])
        if name in names:
            raise UserError(
                f"{names[name]} and {source} would both be written to {path}; rename one of them, or give each a"
                " folder of its own"
            )
        names[name] = source
    there = [path for folder, names in planned.items() for path in in_the_way(Path(folder), names, is_blind[folder])]
    refuse_others(there)
    refuse_inputs(there, inputs)


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)


def probe(folder: Path) -> bool:
    """Whether a folder takes names in upper and lower case for the same. One that cannot be written to is refused."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".segbox_", suffix="_Aa", dir=folder) as file:
            return os.path.lexists(Path(file.name).with_name(Path(file.name).name.swapcase()))
    except OSError as error:
        reason = "is a file, not a folder" if error.errno in NO_FOLDER else f"cannot be written to ({error.strerror})"
        raise UserError(f"{folder}: {reason}; choose another folder to write to") from error


def as_told_apart(name: str, is_blind: bool) -> str:
    return unicodedata.normalize("NFC", name).casefold() if is_blind else name


def in_the_way(folder: Path, names: Mapping[str, object], is_blind: bool) -> Iterator[Path]:
    """The files of a folder that have one of the names."""
    present = {as_told_apart(name, is_blind): name for name in (os.listdir(folder) if folder.is_dir() else ())}
    yield from (folder / present[name] for name in names if name in present)


def refuse_others(paths: Iterable[Path]) -> None:
    """Files that are there and that no tool has written, or that were changed since."""
    records: dict[Path, set[str]] = {}
    found = []
    for path in paths:
        if path.parent not in records:
            records[path.parent] = set(lines_of_record(path.parent))
        if not is_recorded(path, records[path.parent]):
            found.append(path)
    if found:
        raise UserError(
            f"{few(found)} would be written over, and {'are' if len(found) > 1 else 'is'} not from this program, or"
            " changed since; move what you need, or choose another place to write to. Nothing was written"
        )


def refuse_inputs(paths: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Files of our own that are read now, as predictions are that serve as labels."""
    identities = {identity(path): path for path in paths}
    read = [path for path in (inputs if identities else ()) if identity(path) in identities]
    if read:
        raise UserError(
            f"{few(read)} would be read and written over; choose another place to write to. Nothing was written"
        )


def identity(path: Path) -> tuple[int, int] | None:
    try:
        known = path.stat()
    except OSError:  # is told when its turn comes
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
    """A plain file with one of the contents that tools have given to this name."""
    return path.is_file() and not path.is_symlink() and line_of(path.name, digest(path)) in lines


def line_of(name: str, content: str) -> str:
    return f"{content} {json.dumps(name)}"


def recorded_names(folder: Path) -> set[str]:
    """Of the files that tools have written into a folder."""
    names = set()
    for line in lines_of_record(folder):
        with suppress(ValueError):  # a line that a kill cut short
            names.add(str(json.loads(line.partition(" ")[2])))
    return names


def digest(path: Path) -> str:
    known = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            known.update(block)
    return known.hexdigest()


def record(path: Path, content: str) -> None:
    """One line in one write, so that those of several processes do not mix. A link in the record's place is refused."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    file = os.open(path.parent / RECORD, flags, 0o666)
    try:
        os.write(file, f"{line_of(path.name, content)}\n".encode())
    finally:
        os.close(file)


# --- writing ---------------------------------------------------------------------------------------------------------


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; at the end it is recorded and gets its name. Whoever writes has claimed the file before."""
    with atomic_file(path) as partial:
        yield partial
        with told(path):
            record(path, digest(partial))


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A path to write to, of the same suffix; it gets its name when all is written, and never if that fails."""
    partial = path.with_name(f".{hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()}{path.suffix}")
    try:
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
        yield partial
        with told(path):
            os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink()


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    with new_file(path) as partial, told(path):
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the disk says of writing this file. A name that it does not take is a fault of this file alone."""
    try:
        yield
    except OSError as error:
        kind = DataError if error.errno in REFUSED_NAMES else UserError
        raise kind(f"{path} could not be written: {error.strerror or error}") from error
