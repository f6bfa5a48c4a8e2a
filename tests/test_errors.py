"""How a tool ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from segbox.errors import LONGEST_LINE, DataError, did_you_mean, ends_with_a_message, printable

ROOT = Path(__file__).parents[1]
OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})  # as torch.OutOfMemoryError, without torch


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("a.png: is empty"), 2, "error: a.png: is empty\n"),
        (
            PermissionError(13, "Permission denied", "/data/runs"),
            2,
            "error: [Errno 13] Permission denied: '/data/runs'\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (DataError("a\nb \x1b[2J\r\udcff\u202e.png"), 2, "error: a\nb \\x1b[2J\\r\\udcff\\u202e.png\n"),
        (MemoryError("Unable to allocate 3 TiB"), 2, "error: there is not enough memory: Unable to allocate 3 TiB\n"),
        (MemoryError("Caught in a worker\n  line 3\nX: no"), 2, "error: there is not enough memory: X: no\n"),
        (MemoryError(), 2, "error: there is not enough memory: Python got no more\n"),
        (OutOfMemoryError("CUDA out of memory.\nx"), 2, "error: there is not enough memory: CUDA out of memory.\n"),
    ],
)
def test_mistakes_end_in_one_line_and_a_status(error, status, message, capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        raise error
    assert end.value.code == status
    assert capsys.readouterr().err == message


def test_a_bug_keeps_its_traceback():
    with pytest.raises(RuntimeError, match="shape mismatch"), ends_with_a_message():
        raise RuntimeError("shape mismatch")


def test_a_line_that_nobody_can_read_is_cut(capsys):
    with pytest.raises(SystemExit), ends_with_a_message():
        raise DataError("a" * LONGEST_LINE + "\n" + "b" * 10**6 + "c")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: " + "a" * LONGEST_LINE
    assert f"b ... ({10**6 + 1 - LONGEST_LINE} characters) ... b" in lines[1] and lines[1].endswith("bc")
    assert len(lines[1]) < LONGEST_LINE + 50


def test_names_are_printed_as_far_as_they_can_be_shown():
    assert printable("Straße 😀 日本 \u200c\u3000x") == "Straße 😀 日本 \u200c\u3000x"
    assert printable("\t\n\x1b[0m\x07\x7f\x85\u2028\u2069\ud800", keep="\n") == (
        r"\t" + "\n" + r"\x1b[0m\x07\x7f\x85\u2028\u2069\ud800"
    )


def test_an_output_that_lacks_letters_ends_no_tool():
    script = "from segbox.errors import *\nwith ends_with_a_message(): print('\u65e5\\udcff')"
    own = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **own})
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u65e5\\udcff\n", "")


def test_bugs_keep_their_stack_trace():
    with pytest.raises(ValueError, match="a bug"), ends_with_a_message():
        raise ValueError("a bug")


def test_other_processes_wait_and_say_who_they_are(monkeypatch, capsys):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setenv("RANK", "3")
    with pytest.raises(SystemExit), ends_with_a_message():
        raise DataError("x")
    assert waited and capsys.readouterr().err == "error in process 3: x\n"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("PSPHaed", ' Did you mean "PSPHead"?'), ("psphead", ' Did you mean "PSPHead"?'), ("zzz", ""), (7, "")],
)
def test_did_you_mean(word, hint):
    assert did_you_mean(word, ["PSPHead", "FCNHead", 255]) == hint
