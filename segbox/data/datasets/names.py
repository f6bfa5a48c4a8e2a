"""File names in little memory: a data set may have a million."""

import os
from array import array
from collections.abc import Iterable, Sequence


class FileNames:
    """An immutable list of names: one block of bytes, the end of each name, and once their common prefix.

    A list of a million strings would be copied into each worker process, because reading a string changes its reference
    count.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        begin = _common_prefix(min(names), max(names)) if names else ""
        content, ends = bytearray(), array("q", [0])
        for name in names:
            content += os.fsencode(name[len(begin) :])
            ends.append(len(content))
        self.begin = begin
        self.content = bytes(content)
        self.ends = ends

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> str:
        index = range(len(self))[index]
        return self.begin + os.fsdecode(self.content[self.ends[index] : self.ends[index + 1]])


class FilePairs:
    """Images with their masks, as two `FileNames`."""

    def __init__(self, pairs: Sequence[tuple[str | os.PathLike, str | os.PathLike]]) -> None:
        self.images = FileNames(os.fspath(image) for image, _ in pairs)
        self.labels = FileNames(os.fspath(label) for _, label in pairs)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[str, str]:
        return self.images[index], self.labels[index]


def _common_prefix(one: str, other: str) -> str:
    differing = (i for i, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return one[: next(differing, min(len(one), len(other)))]
