"""The processes of a run, as torchrun starts them. Alone, every function is the obvious no-op."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from segbox.errors import LEAD_SECONDS, UserError

LAST_WORD_SECONDS = LEAD_SECONDS + 3  # for the process that met the mistake to tell it
SIGNS_OF_LOSS = (  # what gloo and NCCL say in a process that has lost another
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "Timed out waiting",
    "timeout caused pair closure",
    "collective operation timeout",
)


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


def restarts() -> int:
    """How many times a launcher (torchrun's `--max-restarts`, a requeueing Slurm) has started this run again."""
    return sum(int(os.environ.get(name, 0)) for name in ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"))


@contextmanager
def process_group(device: torch.device, timeout_minutes: float = 30, log: Path | None = None) -> Iterator[None]:
    """Join the group that torchrun describes in the environment; without one, stay alone.

    A process that waits longer than `timeout_minutes` for another ends with a message that names it, and `log`.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    patience = timedelta(minutes=timeout_minutes)
    store, own, count = next(dist.rendezvous("env://", timeout=patience))
    store = dist.PrefixStore(attempt(), store)
    dist.init_process_group(backend_of(device), store=store, rank=own, world_size=count, timeout=patience)
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in SIGNS_OF_LOSS):
            raise
        missing = " and ".join(map(str, call_the_roll(store, own, count))) or "unknown"
        raise UserError(
            f"another process of this run (number {missing}) has ended, or hung for {timeout_minutes:g} minutes; if it"
            f" left a message, that says why.{f' The log: {log}.' if log else ''} Go on with --resume"
        ) from error
    dist.destroy_process_group()  # not after an error: the others would take the closed connection for the cause


def backend_of(device: torch.device) -> str:
    """Numbers on the CPU (flags, counts) always go by gloo; tensors on a GPU by NCCL."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def attempt() -> str:
    """Set apart from the attempts before it, whose addresses the launcher's store still holds after a restart.

    All processes must have the same: of several nodes under a rendezvous of their own, each counts for itself.
    """
    known = os.environ
    is_counted_by_all = known.get("GROUP_WORLD_SIZE", "1") == "1" or known.get("TORCHELASTIC_RUN_ID") == "none"
    return f"attempt {known.get('TORCHELASTIC_RESTART_COUNT', 0) if is_counted_by_all else 'any'}"


def call_the_roll(store: dist.Store, own: int, count: int) -> list[int]:
    """Who does not answer while the launcher has time to end this process, which a dead one makes it do."""
    try:
        store.set(f"here {own}", "yes")
        time.sleep(LAST_WORD_SECONDS)
        return [rank for rank in range(count) if not store.check([f"here {rank}"])]
    except RuntimeError:  # the store's keeper has ended too
        return []


def gather(value: Any) -> list[Any]:
    """Every process's value, in the order of ranks, on every process."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def gather_tensors(values: Tensor) -> Tensor:
    """Every process's tensor, all of one shape, stacked in the order of ranks. Without gradient."""
    if world_size() == 1:
        return values.detach()[None]
    every = [torch.empty_like(values) for _ in range(world_size())]
    dist.all_gather(every, values.detach().contiguous())
    return torch.stack(every)


def mean(values: Tensor) -> Tensor:
    """The mean over processes."""
    if world_size() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values / world_size()


def sum_for_mean(values: Tensor) -> Tensor:
    """The sum over processes. What is made of it counts once, though each process makes it and DDP takes the mean of
    their gradients: the gradient by a process's own values is multiplied by the number of processes.
    """
    return values if world_size() == 1 else _SumForMean.apply(values)


class _SumForMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * world_size()


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
