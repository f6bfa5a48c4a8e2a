"""Log handlers for stdout. A training survives a closed terminal (nohup, disown, `| head`): log.txt has its lines."""

import errno
import logging
import os
import sys
from typing import TextIO


class TerminalLines(logging.StreamHandler):
    """Logs to the terminal, over a progress bar if there is one; if it is closed, lines are discarded."""

    def format(self, record: logging.LogRecord) -> str:
        return f"\r\x1b[K{super().format(record)}" if self.stream.isatty() else super().format(record)

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):  # the terminal is closed, or the output file's disk is full
            silence(self.stream)
        else:
            super().handleError(record)


class OutputLines(logging.StreamHandler):
    """Logs of a command whose output is its result: an error of writing ends it."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            raise
        super().handleError(record)


def is_closed(error: BaseException | None) -> bool:
    """Whether the error says that the reader (a terminal, the next program of a pipe) has ended."""
    return isinstance(error, OSError) and error.errno in (errno.EIO, errno.EPIPE)


def silence(stream: TextIO) -> None:
    """Redirect the stream to /dev/null, with what it still buffers."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
