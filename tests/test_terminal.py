"""What happens to a run whose terminal is closed."""

import logging
import os
import pty

import pytest

from segbox.progress import ProgressBar
from segbox.terminal import TerminalLines


@pytest.fixture
def closed():
    """The stream of a program whose terminal is there no more."""
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, "w", buffering=1)
    os.close(ours)
    with stream:
        yield stream


def test_a_closed_terminal_has_no_more_lines_and_is_no_error(closed, capsys):
    with pytest.raises(OSError, match="Input/output error"):
        closed.write("a line\n")
    handler = TerminalLines(closed)
    for text in ("one", "two"):
        handler.emit(logging.LogRecord("segbox", logging.INFO, "x.py", 1, text, None, None))
    closed.write("what goes nowhere\n")
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_closed_terminal_is_drawn_no_more(closed):
    bar = ProgressBar(2, closed)
    bar.is_live = True  # it was a terminal when the run began
    bar.show(2)
    assert not bar.is_live
    bar.clear()


def test_another_mistake_of_the_log_is_told_as_ever(closed, capsys):
    TerminalLines(closed).emit(logging.LogRecord("segbox", logging.INFO, "x.py", 1, "%d", ("no number",), None))
    assert "--- Logging error ---" in capsys.readouterr().err


def test_without_a_terminal_from_the_start_there_is_no_bar():
    bar = ProgressBar(2, None)
    bar.show(2)
    bar.clear()
