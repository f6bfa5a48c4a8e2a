"""What may be begun in a folder, and gone on with."""

import json
import logging
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from segbox.differences import changes
from segbox.engine.checkpoint import write_checkpoint
from segbox.engine.work_dir import (
    discard_old_run,
    find_resume,
    only_run_in,
    record_environment,
    refuse_foreign_files,
    refuse_old_run,
    resume_after_restart,
)
from segbox.errors import CheckpointError, ConfigError
from tests.processes import CPU, fork, kill, wait

RUN = {"step": 3, "model": {"w": torch.arange(4.0)}, "optimizer": {}, "hooks": {}}


@pytest.fixture
def told():
    """What the program logs."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("segbox")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_an_old_run_is_not_written_over(tmp_path):
    refuse_old_run(tmp_path / "not_there")
    (tmp_path / "log.txt").write_text("x")
    refuse_old_run(tmp_path)
    write_checkpoint(RUN, tmp_path / "best.pt")
    with pytest.raises(
        ConfigError, match=r"already holds a run \(best\.pt and 0 more\).*--resume.*--overwrite.*--work-dir"
    ):
        refuse_old_run(tmp_path)


@pytest.mark.parametrize("name", ["config.py", "evaluation.json", "evaluation_best.json"])
def test_a_file_of_the_user_is_not_written_over(tmp_path, name):
    refuse_foreign_files(tmp_path)
    (tmp_path / name).write_text("# mine")
    with pytest.raises(ConfigError, match=rf"{name} exists and was not written by a run.*Choose another --work-dir"):
        refuse_foreign_files(tmp_path)
    record_environment(tmp_path, CPU, "fp32")
    refuse_foreign_files(tmp_path)


def test_what_an_old_run_wrote_is_discarded_and_nothing_else(tmp_path):
    for name in (
        "step_00000001.pt",
        "last.pt",
        "best.pt",
        "before_nan.pt",
        "log.jsonl",
        "evaluation.json",
        "evaluation_best.json",
        "log.txt",
        "notes.md",
        "my.pt",
    ):
        (tmp_path / name).write_text("x")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("x")
    discard_old_run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.txt", "my.pt", "notes.md"]


def test_resume_begins_where_there_is_nothing_yet(tmp_path, told):
    assert find_resume(tmp_path, "") is None
    assert "holds no checkpoint yet; starting at step 0" in told[0]


def test_resume_passes_over_a_truncated_one_and_says_so(tmp_path, told):
    for step in (1, 2):
        write_checkpoint({**RUN, "step": step}, tmp_path / f"step_{step:08d}.pt")
    newest = tmp_path / "step_00000002.pt"
    newest.write_bytes(newest.read_bytes()[:200])
    path, content = find_resume(tmp_path, "")
    assert path.name == "step_00000001.pt" and content["step"] == 1
    assert len(told) == 1 and told[0].startswith("skipped: ") and "step_00000002.pt: is a truncated" in told[0]
    (tmp_path / "step_00000001.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="none of its 2 checkpoints can be read; start again with --overwrite"):
        find_resume(tmp_path, "")


def test_resume_from_a_path(tmp_path):
    write_checkpoint(RUN, tmp_path / "a.pt")
    assert find_resume(tmp_path, str(tmp_path / "a.pt"))[1]["step"] == 3
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*b\.pt"):
        find_resume(tmp_path, str(tmp_path / "b.pt"))


def hold(folder):
    with only_run_in(folder):
        (folder / "is_held").touch()
        time.sleep(30)


@pytest.fixture
def other_run(tmp_path):
    child = fork(lambda: hold(tmp_path))
    until = time.monotonic() + 10
    while not (tmp_path / "is_held").exists() and time.monotonic() < until:
        time.sleep(0.01)
    yield child
    kill([child])


def test_two_runs_in_one_folder_are_refused_by_name(tmp_path, other_run):
    with (
        pytest.raises(ConfigError, match=rf"another run is using .* \(process {other_run} on .*, since 20.*--work"),
        only_run_in(tmp_path),
    ):
        pass
    os.kill(other_run, signal.SIGKILL)
    wait([other_run], 5)
    assert (tmp_path / ".lock").exists()  # left by the dead one
    (tmp_path / ".last.pt.partial").write_text("half of")
    with only_run_in(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["is_held"]


@pytest.mark.parametrize("is_taken", [False, True])
def test_on_windows_a_byte_behind_the_text_is_locked(tmp_path, monkeypatch, is_taken):
    """Windows lets no other process read a locked byte; the text says who holds the lock."""
    places = []

    def locking(descriptor, mode, count):
        places.append((os.lseek(descriptor, 0, os.SEEK_CUR), mode, count))
        if is_taken:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    (tmp_path / ".lock").write_text("process 7 on there\n")
    if is_taken:
        with pytest.raises(ConfigError, match="process 7 on there"), only_run_in(tmp_path):
            pass
    else:
        with only_run_in(tmp_path):
            assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert places == [(2**20, 2, 1)]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--work-dir .*file: cannot be written to"), only_run_in(tmp_path / "file"):
        pass


def test_each_start_leaves_its_circumstances(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tools/train.py", "a b.py"])
    record_environment(tmp_path, CPU, "fp32")
    (tmp_path / "environment.json").write_text((tmp_path / "environment.json").read_text())
    record_environment(tmp_path, CPU, "fp32")
    first, second = json.loads((tmp_path / "environment.json").read_text())
    assert first["command"] == "tools/train.py 'a b.py'" and first["torch"] == torch.__version__
    assert first["processes"] == 1 and set(first) == set(second)
    assert first["commit"] is None or len(first["commit"].rstrip("+")) == 40
    (tmp_path / "environment.json").write_text('[{"cut": ')
    record_environment(tmp_path, CPU, "fp32")
    assert len(json.loads((tmp_path / "environment.json").read_text())) == 1


def test_a_restart_goes_on_by_itself_but_not_with_a_run_that_was_to_be_discarded(tmp_path, monkeypatch):
    assert resume_after_restart(tmp_path, None) is None and resume_after_restart(tmp_path, "a.pt") == "a.pt"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    write_checkpoint(RUN, tmp_path / "last.pt")
    assert resume_after_restart(tmp_path, None) is None  # a checkpoint of another run
    record_environment(tmp_path, CPU, "fp32")
    assert resume_after_restart(tmp_path, None) == "" == resume_after_restart(tmp_path, "a.pt")
    (tmp_path / "last.pt").unlink()
    assert resume_after_restart(tmp_path, "a.pt") == "a.pt"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    write_checkpoint(RUN, tmp_path / "last.pt")
    assert resume_after_restart(tmp_path, None) is None


def test_what_changed_in_the_config_is_told():
    old = {"optimizer": {"lr": 0.1, "type": "SGD"}, "data": {"pipeline": [1, 2]}, "seed": 0}
    new = {"optimizer": {"lr": 0.2, "type": "SGD"}, "data": {"pipeline": [1]}, "test": {"flip": True}, "seed": 0}
    assert changes(old, new) == [
        "optimizer.lr 0.1 -> 0.2",
        "data.pipeline [1, 2] -> [1]",
        "test (not set) -> {'flip': True}",
    ]
    assert changes(old, old) == [] == changes(None, new)
