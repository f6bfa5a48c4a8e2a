"""The launchers that users type: dist_train.sh with processes that die, hang, and are started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from segbox.commands.launch import loss_text
from segbox.engine.checkpoint import read_run
from tests.processes import free_port
from tests.runs import ROOT, differences, write_config

HOOK = """
import os, signal, time
from pathlib import Path
from segbox.engine.hooks.hook import Hook
from segbox.errors import DataError
from segbox.registry import HOOKS

@HOOKS.register
class LoseProcess(Hook):
    '''Once, in the process of this rank.'''

    def __init__(self, step: int, rank: int, how: str, mark: str) -> None:
        self.step, self.rank, self.how, self.mark = step, rank, how, Path(mark)

    def before_step(self, runner):
        if runner.step != self.step or int(os.environ["RANK"]) != self.rank or self.mark.exists():
            return
        self.mark.touch()
        if self.how == "bug":
            raise ZeroDivisionError("a bug")
        if self.how == "mistake":
            raise DataError("a.png: is cut off")
        os.kill(os.getpid(), getattr(signal, self.how))
"""
FAST = ["data.val=None", "hooks.evaluate=None", "hooks.log.interval=1", "hooks.checkpoint.interval=1"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lose_process.py").write_text(HOOK)
    write_config(tmp_path)
    return tmp_path


def losing(folder, how, step=3, rank=1):
    text = f"hooks = dict(lose=dict(type='LoseProcess', step={step}, rank={rank}, how='{how}', mark='{folder}/mark'))"
    return write_config(folder, f"imports = ['lose_process']\n{text}\n", f"{how}.py")


def start(folder, config, work_dir, *options, processes=2, workers=0, **environment):
    command = [ROOT / "tools" / "dist_train.sh", config, str(processes), "--device", "cpu", "--work-dir", work_dir]
    own = {"PYTHON": sys.executable, "PYTHONPATH": f"{ROOT}:{folder}", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        [*map(str, command), *options, "--cfg-options", *FAST, f"data.workers={workers}"],
        env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def end(process, seconds=240):
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, errors


def test_the_mistake_of_one_process_is_told_once_and_ends_all(folder):
    status, out, errors = end(start(folder, losing(folder, "mistake", step=1), folder / "mistaken"))
    assert status == 2 and errors == "error in process 1: a.png: is cut off\n"
    assert "2 process(es)" in out and read_run(folder / "mistaken" / "last.pt")["step"] == 1


@pytest.mark.slow
def test_a_bug_in_one_process_ends_all_with_workers_at_once(folder):
    config, work_dir = losing(folder, "bug", step=3), folder / "broken"
    status, _, errors = end(start(folder, config, work_dir, workers=2))
    assert status == 1 and "ZeroDivisionError: a bug" in errors and "error: process 1 ended with status 1" in errors
    assert read_run(work_dir / "last.pt")["step"] == 3


def test_restarts_are_a_number(folder):
    status, _, errors = end(start(folder, folder / "tiny.py", folder / "a", "--max-restarts", "x"))
    assert status == 2 and errors == "error: --max-restarts: expected a number, got 'x'\n"


def test_how_a_process_was_lost_is_told_on_every_system(monkeypatch, tmp_path):
    assert loss_text(1, -9, tmp_path / "no").startswith("process 1 was killed by SIGKILL (out of memory?); its own")
    assert loss_text(1, -15, tmp_path / "no").startswith("process 1 was killed by SIGTERM; its own")
    monkeypatch.delattr(signal, "SIGKILL")  # Windows has none
    assert loss_text(0, 1, tmp_path / "no").startswith("process 0 ended with status 1; its own message")


@pytest.mark.slow
def test_a_killed_process_starts_all_again_and_they_end_as_if_nothing_had_been(folder):
    assert end(start(folder, folder / "tiny.py", folder / "straight"))[0] == 0
    status, out, errors = end(start(folder, losing(folder, "SIGKILL"), folder / "killed", "--max-restarts", "2"))
    assert status == 0 and "resumed from" in out and "at step 3" in out and "(restart 1)" in out, out + errors
    a, b = (read_run(folder / name / "last.pt") for name in ("straight", "killed"))
    for part in ("step", "draws", "model", "ema", "optimizer"):
        assert not differences(a[part], b[part], part)
    starts = json.loads((folder / "killed" / "environment.json").read_text())
    assert len(starts) == 2 and starts[0]["launch"] == starts[1]["launch"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status", "message"),
    [("SIGKILL", 137, "process 1 was killed by SIGKILL (out of memory?)"), ("bug", 1, "process 1 ended with")],
)
def test_a_lost_process_ends_all_and_is_named_with_the_log(folder, how, status, message):
    found, _, errors = end(start(folder, losing(folder, how), folder / "lost"))
    assert found == status and f"error: {message}" in errors
    assert f"The log: {folder}/lost/log.txt. Go on with --resume" in errors
    assert ("ZeroDivisionError" in errors) == (how == "bug") and "ChildFailedError" not in errors


@pytest.mark.slow
def test_a_hanging_process_ends_all_within_the_timeout_and_is_named(folder):
    begin = time.monotonic()
    process = start(folder, losing(folder, "SIGSTOP"), folder / "hung", "--timeout", "0.1")
    status, _, errors = end(process)
    assert status == 2 and "(number 1) has ended, or hung for 0.1 minutes" in errors
    assert f"The log: {folder}/hung/log.txt" in errors and time.monotonic() - begin < 90


@pytest.mark.slow
def test_two_launchers_on_one_machine_are_two_nodes(folder):
    nodes = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    both = [start(folder, folder / "tiny.py", folder / "nodes", processes=1, NODE_RANK=str(i), **nodes) for i in (0, 1)]
    for (status, out, errors), is_first in zip(map(end, both), (True, False)):
        assert status == 0, errors
        assert ("2 process(es)" in out) == is_first and ("step 6/6" in out) == is_first
    assert end(start(folder, folder / "tiny.py", folder / "one_node"))[0] == 0
    a, b = (read_run(folder / name / "last.pt") for name in ("nodes", "one_node"))
    assert not differences(a["model"], b["model"])


@pytest.mark.slow
def test_a_process_killed_on_one_of_two_nodes_starts_both_again(folder):
    nodes = {"NNODES": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "MAX_RESTARTS": "1"}
    config = losing(folder, "SIGKILL")
    both = [start(folder, config, folder / "nodes", processes=1, NODE_RANK=str(i), **nodes) for i in (0, 1)]
    ends = [end(process) for process in both]
    assert [status for status, *_ in ends] == [0, 0], ends[0][2] + ends[1][2]
    assert "at step 3" in ends[0][1] and read_run(folder / "nodes" / "last.pt")["step"] == 6


@pytest.mark.slow
def test_nodes_that_cannot_meet_say_so_in_a_line(folder):
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = str(other.getsockname()[1])
        node = {"NNODES": "2", "NODE_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        status, _, errors = end(start(folder, folder / "tiny.py", folder / "a", processes=1, **node))
    told = (
        f"MASTER_ADDR=127.0.0.1 and MASTER_PORT={port}: the port is in use on this machine; choose another MASTER_PORT"
    )
    assert (status, errors.splitlines()[-1]) == (2, f"error: the nodes did not meet at {told}")
    assert "Traceback" not in errors


def test_a_python_without_torch_is_told_so(folder, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    status, _, errors = end(start(folder, folder / "tiny.py", folder / "a", PYTHON=str(python), PYTHONPATH=""))
    assert status == 2 and len(errors.splitlines()) == 1 and "has no package 'torch'. Install segbox" in errors
