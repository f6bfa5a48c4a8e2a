"""Weight files that would unfold to far more than they hold, hold themselves, or run code in an older PyTorch."""

import mmap
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segbox.errors import CheckpointError

ARCHIVE = b"PK\x03\x04"  # how the files of torch.save begin
HEADER = 2**17 + 30  # bytes before the content of a member, at most
ENDLESS = b"bytearray"  # what PyTorch unpickles, and a mere number in the file makes as large as memory
DEEPEST = 100  # dicts and lists one in the other
MOST_VALUES = 10**7


def refuse_bombs(path: Path) -> None:
    """Before anything is read: a file of PyTorch's is as large as what is in it. What is damaged is left to PyTorch."""
    if is_tar(path):
        raise CheckpointError(f"{path}: refused, it is a tar, as PyTorch wrote it before 0.4; save its weights again")
    size = path.stat().st_size
    if not size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[: len(ARCHIVE)] != ARCHIVE:
            refuse_endless(path, content, 0, size)
            return
        for member in plain_members(path, size):
            if member.filename.lower().endswith("data.pkl"):
                end = member.header_offset + HEADER + member.file_size
                refuse_endless(path, content, member.header_offset, end)


def is_tar(path: Path) -> bool:
    try:
        tarfile.open(path, "r:").close()
    except tarfile.TarError:
        return False
    return True


def plain_members(path: Path, size: int) -> list[zipfile.ZipInfo]:
    """Of an archive whose members are neither compressed nor lie upon each other."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CheckpointError(f"{path}: is a truncated or damaged checkpoint ({size} bytes): {error}") from None
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise CheckpointError(f"{path}: is a TorchScript archive; save the model's state_dict() instead")
    unfolded = sum(member.file_size for member in members)
    if unfolded > size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise CheckpointError(
            f"{path}: refused, it is a compressed archive ({size} bytes, unfolded {unfolded}); torch.save compresses"
            " nothing. Unpack it and save it again, if you trust it"
        )
    return members


def refuse_endless(path: Path, content: mmap.mmap, start: int, end: int) -> None:
    if content.find(ENDLESS, start, end) >= 0:
        raise CheckpointError(f"{path}: refused, it holds a bytearray: no weights need one, and it may fill the memory")


def refuse_knots(path: Path, content: Any) -> None:
    """Once it is read: a list that holds itself, or 40 lists of which each holds the next one twice, has no end for
    whatever looks at all of it.
    """
    try:
        unfolded(content, {}, 0)
    except KnotError as error:
        raise CheckpointError(f"{path}: refused, it holds dicts or lists that {error}; no weights need that") from None


class KnotError(Exception):
    pass


def unfolded(value: Any, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """How many values there are inside, those in several places counted in each, and how deep. `known` are containers
    that have been looked at: each is, once.
    """
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return 1, 0
    count, height = known.get(id(value), (0, 0))
    if not count:
        if depth > DEEPEST:
            raise KnotError(f"are nested more than {DEEPEST} deep, or hold themselves")
        parts = (*value.keys(), *value.values()) if isinstance(value, Mapping) else value
        inside = [unfolded(part, known, depth + 1) for part in parts]
        count, height = 1 + sum(own for own, _ in inside), 1 + max((own for _, own in inside), default=0)
        known[id(value)] = count, height
    if depth + height > DEEPEST:
        raise KnotError(f"are nested more than {DEEPEST} deep")
    if count > MOST_VALUES:
        raise KnotError(f"unfold to more than {MOST_VALUES} values")
    return count, height
