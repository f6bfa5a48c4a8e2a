"""Locks between the processes of a machine."""

import errno
import os
import signal
import time

import pytest

from segbox.weights.sources.lock import is_same, locked
from tests.processes import fork, kill, wait


def test_one_process_at_a_time(tmp_path):
    """Each finds the number that the others left, with a pause between reading and writing it."""

    def work() -> None:
        for _ in range(10):
            with locked(tmp_path / "folder" / "a.lock", "waiting"):
                number = int((tmp_path / "number").read_text())
                time.sleep(0.001)
                (tmp_path / "number").write_text(str(number + 1))
                if number % 3 == 0:
                    (tmp_path / "folder" / "a.lock").unlink()  # the others lock the new file

    (tmp_path / "number").write_text("0")
    children = [fork(work) for _ in range(3)]
    try:
        assert wait(children, 60) == [0, 0, 0]
    finally:
        kill(children)
    assert (tmp_path / "number").read_text() == "30"


def test_a_file_that_was_deleted_is_no_longer_the_lock(tmp_path):
    path = tmp_path / "a.lock"
    with path.open("a+b") as file:
        assert is_same(path, file)
        path.unlink()
        assert not is_same(path, file)
        path.touch()
        assert not is_same(path, file)


def test_a_disk_without_locks_is_told_and_used(tmp_path, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with locked(tmp_path / "a.lock", "waiting"):
        assert caplog.messages == [
            f"{tmp_path / 'a.lock'} cannot be locked (No locks available): let no other process download it"
        ]


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    def work() -> None:
        with locked(tmp_path / "a.lock", "waiting"):
            (tmp_path / "held").touch()
            time.sleep(60)

    child = fork(work)
    until = time.monotonic() + 20
    while not (tmp_path / "held").exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    assert wait([child], 20) == [-signal.SIGKILL]
    with locked(tmp_path / "a.lock", "waiting"):
        assert (tmp_path / "held").exists()
