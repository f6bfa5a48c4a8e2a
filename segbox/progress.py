"""A progress bar, on terminals only."""

import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO

from segbox.errors import printable
from segbox.terminal import is_closed, silence


class ProgressBar:
    """`[######      ] 123/500 text`, redrawn in place at most ten times a second."""

    def __init__(self, total: int, stream: TextIO | None = sys.stdout) -> None:
        self.total = max(1, total)
        self.stream = stream
        self.is_live = stream is not None and stream.isatty()  # None: stdout was closed at the start
        self.drawn_at = 0.0

    def is_due(self, done: int) -> bool:
        """Whether `show` would draw now."""
        return self.is_live and (time.perf_counter() - self.drawn_at >= 0.1 or done >= self.total)

    def show(self, done: int, text: str = "") -> None:
        if not self.is_due(done):
            return
        self.drawn_at = time.perf_counter()
        filled = 24 * done // self.total
        line = f"[{'#' * filled}{' ' * (24 - filled)}] {done}/{self.total} {printable(text)}"
        self._draw(line[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        if self.is_live:
            self._draw("")

    def _draw(self, line: str) -> None:
        try:
            self.stream.write("\r\x1b[K" + line)
            self.stream.flush()
        except OSError as error:
            if not is_closed(error):
                raise
            silence(self.stream)
            self.is_live = False


def duration(seconds: float) -> str:
    """1:02:03, or 2:03 below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def with_progress(batches: Iterable, count: int) -> Iterator:
    """The batches, with a progress bar."""
    bar = ProgressBar(count)
    for done, batch in enumerate(batches, 1):
        yield batch
        bar.show(done)
    bar.clear()
