"""How a tool ends."""

import time

import pytest

from segbox.errors import DataError, did_you_mean, ends_with_a_message


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
    ],
)
def test_mistakes_end_in_one_line_and_a_status(error, status, message, capsys):
    with pytest.raises(SystemExit) as end, ends_with_a_message():
        raise error
    assert end.value.code == status
    assert capsys.readouterr().err == message


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
