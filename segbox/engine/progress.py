"""A progress bar on a terminal; nothing elsewhere, where lines are wanted."""

import shutil
import sys
import time
from collections.abc import Iterator, Sized
from typing import TextIO

from segbox.errors import printable


class ProgressBar:
    """`[######      ] 123/500 text`, redrawn in place at most ten times a second."""

    def __init__(self, total: int, stream: TextIO = sys.stdout) -> None:
        self.total = max(1, total)
        self.stream = stream
        self.is_live = stream.isatty()
        self.drawn_at = 0.0

    def show(self, done: int, text: str = "") -> None:
        now = time.perf_counter()
        if not self.is_live or (now - self.drawn_at < 0.1 and done < self.total):
            return
        self.drawn_at = now
        filled = 24 * done // self.total
        line = f"[{'#' * filled}{' ' * (24 - filled)}] {done}/{self.total} {printable(text)}"
        self.stream.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        self.stream.flush()

    def clear(self) -> None:
        if self.is_live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


def duration(seconds: float) -> str:
    """1:02:03, or 2:03 below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def with_progress(batches: Sized) -> Iterator:
    """The batches, with a bar that moves along."""
    bar = ProgressBar(len(batches))
    for done, batch in enumerate(batches, 1):
        yield batch
        bar.show(done)
    bar.clear()
