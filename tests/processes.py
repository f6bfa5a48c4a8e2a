"""Several processes (gloo) in a test, forked from it: a launcher would import torch in each of them again."""

import os
import pickle
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._dynamo  # two seconds of a processor, which else the first optimizer of every forked process spends

from segbox import distributed

CPU = torch.device("cpu")
RUNNING: set[int] = set()  # children of this process that have not been waited for


def together(count: int, work: Callable[[], Any], seconds: float = 60) -> list[Any]:
    """What `work()` returns in each of `count` processes of one group, in the order of ranks."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(rank) for rank in range(count)]
        children = [fork(lambda rank=rank: _work(work, rank, count, port, files[rank])) for rank in range(count)]
        try:
            ends = wait(children, seconds)
        finally:
            kill(children)
        assert ends == [0] * count, f"the processes ended with {ends}"
        return [pickle.loads(file.read_bytes()) for file in files]


def _work(work: Callable[[], Any], rank: int, count: int, port: int, file: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with distributed.process_group(CPU):
        result = work()
        file.write_bytes(pickle.dumps(result))
        distributed.barrier()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def fork(work: Callable[[], Any]) -> int:
    """A child that does `work` and ends, with status 0 if that went well; its process id."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork processes")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        RUNNING.add(child)
        return child
    RUNNING.clear()
    status = 1
    try:
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # nothing of the test's own may run twice


def wait(children: list[int], seconds: float) -> list[int | None]:
    """The exit status of each, less than 0 after a signal; None if it has not ended by then."""
    ends: dict[int, int] = {}
    until = time.monotonic() + seconds
    while len(ends) < len(children) and time.monotonic() < until:
        for child in children:
            if child not in ends:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    RUNNING.discard(child)
                    ends[child] = os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return [ends.get(child) for child in children]


def kill(children: list[int]) -> None:
    """End, for good, those that still run."""
    for child in RUNNING & set(children):  # the number of one that has ended may by now be another process's
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        RUNNING.discard(child)
