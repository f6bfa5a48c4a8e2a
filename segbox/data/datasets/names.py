"""Names of files, kept so that a million of them is no burden."""

import os
from array import array
from collections.abc import Iterable


class FileNames:
    """An immutable list of names: bytes in one piece, and where each ends. The text that all begin with is kept once.

    Objects of Python, a million strings, would be copied into every worker process as soon as it counts references.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = list(names)
        begin = _common_begin(min(names), max(names)) if names else ""
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


def _common_begin(one: str, other: str) -> str:
    differing = (place for place, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return one[: next(differing, min(len(one), len(other)))]
