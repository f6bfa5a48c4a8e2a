"""Weight files that are refused: those that expand to far more than their size, contain themselves, or run code in an
older PyTorch. PyTorch's own `weights_only=True` does not protect against them.
"""

import mmap
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox.errors import CheckpointError

ZIP = b"PK\x03\x04"  # the first bytes of a file of torch.save
LONGEST_HEADER = 2**17 + 30  # bytes of a zip member before its content
BYTEARRAY = b"bytearray"  # PyTorch unpickles it: a few bytes in the file can allocate all memory
DEEPEST = 100  # levels of dicts and lists inside each other
MOST_VALUES = 10**7


def refuse_unsafe_file(path: Path) -> None:
    """Before the file is read: refuse tars, compressed archives and bytearrays. Damaged files are left to PyTorch."""
    if is_tar(path):
        raise CheckpointError(f"{path}: refused, it is a tar, the format of PyTorch before 0.4; save its weights again")
    size = path.stat().st_size
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[: len(ZIP)] != ZIP:
            refuse_bytearray(path, content, 0, size)
            return
        for member in stored_members(path, size):
            if member.filename.lower().endswith("data.pkl"):
                end = member.header_offset + LONGEST_HEADER + member.file_size
                refuse_bytearray(path, content, member.header_offset, end)


def is_tar(path: Path) -> bool:
    try:
        tarfile.open(path, "r:").close()
    except tarfile.TarError:
        return False
    return True


def stored_members(path: Path, size: int) -> list[zipfile.ZipInfo]:
    """The members of an archive, which are refused if they are compressed or overlap."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CheckpointError(f"{path}: is a truncated or damaged checkpoint ({size} bytes): {error}") from None
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise CheckpointError(f"{path}: is a TorchScript archive; save the model's state_dict() instead")
    expanded = sum(member.file_size for member in members)
    if expanded > size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise CheckpointError(
            f"{path}: refused, it is a compressed archive ({size} bytes, {expanded} when expanded); torch.save"
            " does not compress. If you trust the file, load it in PyTorch and save it again"
        )
    return members


def refuse_bytearray(path: Path, content: mmap.mmap, start: int, end: int) -> None:
    if content.find(BYTEARRAY, start, end) >= 0:
        raise CheckpointError(
            f"{path}: refused, it holds a bytearray, which no weights need and which can fill the memory"
        )


def refuse_deep_nesting(path: Path, content: Any) -> None:
    """After the file is read: refuse lists and dicts that contain themselves, are nested deeply, or expand to too many
    values (40 lists that each contain the next one twice make 2**40 values). Code that visits all values would not end.
    """
    try:
        size_of(content, {}, 0)
    except NestingError as error:
        raise CheckpointError(
            f"{path}: refused, it contains dicts or lists that {error}; no weights need that"
        ) from None


class NestingError(Exception):
    pass


def size_of(value: Any, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """(number of values inside, levels of nesting). A value that occurs in several places is counted in each of them.

    `known` are the results for containers that were visited before, by id, so each is visited once.
    """
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return 1, 0
    count, height = known.get(id(value), (0, 0))
    if not count:
        if depth > DEEPEST:
            raise NestingError(f"are nested more than {DEEPEST} deep, or contain themselves")
        parts = (*value.keys(), *value.values()) if isinstance(value, Mapping) else value
        inside = [size_of(part, known, depth + 1) for part in parts]
        count, height = 1 + sum(own for own, _ in inside), 1 + max((own for _, own in inside), default=0)
        known[id(value)] = count, height
    if depth + height > DEEPEST:
        raise NestingError(f"are nested more than {DEEPEST} deep")
    if count > MOST_VALUES:
        raise NestingError(f"expand to more than {MOST_VALUES} values")
    return count, height
