"""What a mutant is: one small mistake in a copy of the source, and the tests that must see it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


class StaleMutant(Exception):
    """The text that a mutant replaces is no longer there, or no longer there alone."""


@dataclass(frozen=True)
class Mutant:
    """`old` in segbox/`file` becomes `new`; `tests` are pytest's arguments.

    `old` must stand there once. If it stands there more often, `behind` says behind which other text (that stands
    there once) the right one is the first. Without a `file` nothing is changed.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str
    behind: str = ""

    def applied_to(self, source: str) -> str:
        start = 0
        if self.behind:
            if source.count(self.behind) != 1:
                raise StaleMutant(f"{self.name}: {self.behind!r} is {source.count(self.behind)} times in {self.file}")
            start = source.index(self.behind)
        count = source.count(self.old, start)
        if count == 0 or (count > 1 and not self.behind):
            raise StaleMutant(f"{self.name}: {self.old!r} is {count} times in {self.file}")
        place = source.index(self.old, start)
        return source[:place] + self.new + source[place + len(self.old) :]

    def write(self, root: Path) -> None:
        if not self.file:
            return
        path = root / "segbox" / self.file
        path.write_text(self.applied_to(path.read_text(encoding="utf-8")), encoding="utf-8")

    def arguments(self) -> list[str]:
        return shlex.split(self.tests)


def in_file(file: str, tests: str, rows: Sequence[tuple[str, ...]]) -> list[Mutant]:
    """Mutants of one file and the same tests: rows of name, old, new, and perhaps `behind`."""
    return [Mutant(name, file, old, new, tests, *rest) for name, old, new, *rest in rows]
