"""A terminal that is closed while a run goes on (nohup, disown, `| head`) is no error: log.txt has its lines too."""

import errno
import logging
import os
import sys
from typing import TextIO


class TerminalLines(logging.StreamHandler):
    """Lines for the terminal, as long as there is one."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):  # closed, or a file on a full disk
            silence(self.stream)
        else:
            super().handleError(record)


class OutputLines(logging.StreamHandler):
    """Lines of a tool that is run for what it prints: where they cannot be written, it ends."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            raise
        super().handleError(record)


def is_closed(error: BaseException | None) -> bool:
    """Whether nobody reads any more what was to be written: the terminal, or the next program of a pipe, has ended."""
    return isinstance(error, OSError) and error.errno in (errno.EIO, errno.EPIPE)


def silence(stream: TextIO) -> None:
    """What is written there from now on goes nowhere, and so does what the stream still holds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
