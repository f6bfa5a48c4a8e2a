"""Checkpoints: whole or not at all, and read without running anything."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from segbox.engine import checkpoint
from segbox.engine.checkpoint import link, newest_readable, numbered_checkpoints, read_run, write_checkpoint
from segbox.engine.hooks.hook import Hook
from segbox.engine.work_dir import only_run_in
from segbox.errors import CheckpointError
from tests.runs import tiny_runner

RUN = {"step": 3, "model": {"w": torch.arange(4.0)}, "optimizer": {}, "hooks": {}}


def test_written_and_read_back(tmp_path):
    write_checkpoint(RUN, tmp_path / "a.pt")
    content = read_run(tmp_path / "a.pt")
    assert content["step"] == 3 and torch.equal(content["model"]["w"], RUN["model"]["w"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


class Own:
    """A class that a reader does not know."""


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ({"best": np.float64(3)}, "hooks.mine.best is of type numpy.float64,"),
        ({"seen": [1, {"last": (2, Path("a"))}]}, "hooks.mine.seen.1.last.1 is of type pathlib.PosixPath,"),
        ({np.str_("a"): 1}, f"hooks.mine, the key {np.str_('a')!r}, is of type numpy.str_,"),
        ({"own": Own()}, "hooks.mine.own is of type tests.engine.test_checkpoint.Own,"),
        ({"function": lambda: 1}, "hooks.mine.function is of type function,"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, state, path):
    write_checkpoint(RUN, tmp_path / "a.pt")
    with pytest.raises(CheckpointError) as caught:
        write_checkpoint({**RUN, "step": 4, "hooks": {"fine": {"x": 1}, "mine": state}}, tmp_path / "a.pt")
    assert path in str(caught.value) and "state_dict" in str(caught.value)
    assert read_run(tmp_path / "a.pt")["step"] == 3 and len(list(tmp_path.iterdir())) == 1


def test_a_state_that_holds_itself_is_not_written(tmp_path):
    state = {}
    state["again"] = [state]
    with pytest.raises(CheckpointError, match="nested more than 100 deep; does it contain itself"):
        write_checkpoint({**RUN, "hooks": {"mine": state}}, tmp_path / "a.pt")


def test_the_first_file_of_a_name_is_read_back(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(checkpoint, "read_checkpoint", read.append)
    for _ in range(3):
        write_checkpoint(RUN, tmp_path / "a.pt")
    write_checkpoint(RUN, tmp_path / "b.pt")
    assert [path.name for path in read] == [".a.pt.partial", ".b.pt.partial"]


def test_a_hook_with_such_a_state_ends_the_run_before_its_first_step(tmp_path):
    class Mine(Hook):
        def state_dict(self):
            return {"best": np.float64(1)}

    runner = tiny_runner(tmp_path)
    runner.hooks = {**runner.hooks, "mine": Mine()}
    with pytest.raises(CheckpointError, match=r"hooks\.mine\.best is of type numpy\.float64"):
        runner.train()
    assert runner.step == 0


def test_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (order.append(name), real(*args)))
    write_checkpoint(RUN, tmp_path / "a.pt")
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize("moment", ["save", "fsync"])
def test_a_full_disk_leaves_the_last_good_one(tmp_path, monkeypatch, moment):
    def full(*arguments):
        if moment == "save":
            arguments[1].write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    write_checkpoint(RUN, tmp_path / "a.pt")
    monkeypatch.setattr(torch if moment == "save" else os, moment, full)
    with pytest.raises(CheckpointError, match=r"a\.pt could not be written: .*No space left.* go on with --resume"):
        write_checkpoint({**RUN, "step": 4}, tmp_path / "a.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    assert read_run(tmp_path / "a.pt")["step"] == 3


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(RUN, tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("disk_knows_links", [True, False])
def test_a_second_name(tmp_path, monkeypatch, disk_knows_links):
    def refuse(*arguments):
        raise OSError(errno.EPERM, "Operation not permitted")

    if not disk_knows_links:
        monkeypatch.setattr(os, "link", refuse)
    for step in (1, 2):
        write_checkpoint({**RUN, "step": step}, tmp_path / f"step_{step:08d}.pt")
        link(tmp_path / f"step_{step:08d}.pt", "last.pt")
        assert read_run(tmp_path / "last.pt")["step"] == step
    assert os.path.samefile(tmp_path / "last.pt", tmp_path / "step_00000002.pt") == disk_knows_links
    assert len(list(tmp_path.iterdir())) == 3


def test_a_copy_that_finds_no_room(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_checkpoint(RUN, tmp_path / "step_00000001.pt")
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(checkpoint.shutil, "copyfile", refuse)
    with pytest.raises(CheckpointError, match="No space left"):
        link(tmp_path / "step_00000001.pt", "last.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.pt"]


def test_weights_are_no_run(tmp_path):
    torch.save({"model": {"w": torch.zeros(2)}}, tmp_path / "weights.pt")
    with pytest.raises(
        CheckpointError, match=r"holds weights but no run .*\(no step, optimizer, hooks\).*model\.weights"
    ):
        read_run(tmp_path / "weights.pt")
    torch.save(torch.zeros(2), tmp_path / "tensor.pt")
    with pytest.raises(CheckpointError, match="no run to resume"):
        read_run(tmp_path / "tensor.pt")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("step", "3"), ("step", -1), ("step", float("nan")), ("step", 10**30), ("step", True), ("draws", "a"),
        ("skipped", None), ("model", [1]), ("optimizer", None), ("hooks", 5), ("ema", "x"), ("scaler", [2]),
        ("model", {1: 2}), ("optimizer", {"a": 1, 2: 3}), ("hooks", {"evaluate": [1]}), ("hooks", {"ema": {0: 1}}),
        ("config", {"optimizer": {"lr": torch.ones(3)}}), ("classes", ["a", {1}]), ("palette", {(1, (2,)): 1j}),
    ],
)  # fmt: skip
def test_parts_of_another_kind(tmp_path, part, value):
    torch.save({**RUN, part: value}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=rf"a\.pt: no run can be resumed from it: its '{part}' (is|are) "):
        read_run(tmp_path / "a.pt")


def test_the_newest_whole_one(tmp_path):
    assert newest_readable(tmp_path) == (None, {}, [])
    for step in (10, 9, 100):
        write_checkpoint({**RUN, "step": step}, tmp_path / f"step_{step:08d}.pt")
    link(tmp_path / "step_00000100.pt", "last.pt")
    assert [path.name[5:13] for path in numbered_checkpoints(tmp_path)] == ["00000009", "00000010", "00000100"]
    assert newest_readable(tmp_path)[0] == tmp_path / "last.pt"
    newest = tmp_path / "step_00000100.pt"
    newest.write_bytes(newest.read_bytes()[:300])  # last.pt is the same file
    path, content, refused = newest_readable(tmp_path)
    assert path == tmp_path / "step_00000010.pt" and content["step"] == 10
    assert len(refused) == 2 and all("truncated or damaged" in reason for reason in refused)


class FullDisk:
    """A file with room for some bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(content)

    def flush(self):
        self.file.flush()


@pytest.mark.parametrize("room", [0, 100, 5000])
def test_a_disk_that_fills_up_within_torch_save_is_said_to_be_full(tmp_path, monkeypatch, room):
    """PyTorch's own error then speaks of positions; what the system said stands behind it."""
    save = torch.save
    monkeypatch.setattr(torch, "save", lambda content, file: save(content, FullDisk(file, room)))
    with pytest.raises(CheckpointError, match=r"a\.pt could not be written: No space left on device\. The"):
        write_checkpoint({**RUN, "model": {"w": torch.zeros(3000)}}, tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def read_only(monkeypatch):
    """From its call on, no folder can be changed."""

    def refuse(*arguments, **named):
        raise OSError(errno.EROFS, "Read-only file system", str(arguments[0]))

    def begin():
        real = Path.open
        monkeypatch.setattr(
            Path, "open", lambda p, mode="r", *a, **k: real(p, mode, *a, **k) if mode == "r" else refuse(p)
        )
        for path, name in ((Path, "unlink"), (Path, "replace"), (os, "link"), (os, "replace"), (shutil, "copyfile")):
            monkeypatch.setattr(path, name, refuse)

    return begin


def test_a_disk_that_becomes_read_only_is_told_with_the_checkpoint_not_with_what_is_cleaned_up(tmp_path, read_only):
    write_checkpoint(RUN, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"/last\.pt could not be written: Read-only file system"):  # noqa: SIM117
        with only_run_in(tmp_path):
            read_only()
            write_checkpoint(RUN, tmp_path / "last.pt")
    with pytest.raises(CheckpointError, match=r"/last\.pt could not be written: Read-only file system"):
        link(tmp_path / "a.pt", "last.pt")
