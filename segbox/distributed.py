"""The processes of a run, as torchrun starts them. Alone, every function is the obvious no-op."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from segbox.errors import LEAD_SECONDS, UserError

LAST_WORD_SECONDS = LEAD_SECONDS + 3  # for the process that met the mistake to tell it


def is_active() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    return dist.get_rank() if is_active() else 0


def world_size() -> int:
    return dist.get_world_size() if is_active() else 1


def is_main() -> bool:
    return rank() == 0


def local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", 0))


@contextmanager
def process_group(device: torch.device, timeout_minutes: float = 30) -> Iterator[None]:
    """Join the group that torchrun describes in the environment; without one, stay alone."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    # Numbers on the CPU (flags, counts) always go by gloo; tensors on a GPU by NCCL.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=timedelta(minutes=timeout_minutes))
    try:
        yield
    except RuntimeError as error:
        if "Connection closed by peer" not in str(error) and "Connection reset by peer" not in str(error):
            raise
        time.sleep(LAST_WORD_SECONDS)  # normally the launcher ends this process before it may speak
        raise UserError("another process of this run has ended; its own message says why") from error
    dist.destroy_process_group()  # not after an error: the others would take the closed connection for the cause


def gather(value: Any) -> list[Any]:
    """Every process's value, in the order of ranks, on every process."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def mean(values: Tensor) -> Tensor:
    """The mean over processes."""
    if world_size() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values / world_size()


def any_says(flag: bool) -> bool:
    """True on every process if it is true on one."""
    if world_size() == 1:
        return flag
    vote = torch.tensor(int(flag))
    dist.all_reduce(vote, op=dist.ReduceOp.MAX)
    return bool(vote)


def share(tensors: Iterable[Tensor]) -> None:
    """Every process gets the first one's values."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def barrier() -> None:
    any_says(False)
