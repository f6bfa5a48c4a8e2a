"""The processes of a run, as torchrun starts them. Alone, every function is the obvious no-op."""

import hashlib
import math
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from segbox import __version__
from segbox.differences import changes
from segbox.ending import LEAD_SECONDS
from segbox.errors import UserError
from segbox.launch import LAUNCHERS, launch, meeting_point, number

LONGEST_TIMEOUT = 365 * 24 * 60  # minutes
ADDRESS_SECONDS = 20  # a cluster may start a machine before it knows the name of another
MESSAGE_SECONDS = LEAD_SECONDS + 3  # for the process that met the mistake to tell it
SIGNS_OF_LOST_PROCESS = (  # what gloo and NCCL say in a process that has lost another
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
    """Which GPU of its machine is this process's own."""
    own = launch()
    if own.local_rank is None and own.world_size > 1:
        raise UserError(
            "LOCAL_RANK is not set in the environment: with several processes it says which GPU of its machine each"
            f" takes (0, 1, ...). {LAUNCHERS}; or give each process a --device of its own, such as cuda:1"
        )
    return own.local_rank or 0


def restarts() -> int:
    """How many times a launcher (torchrun's `--max-restarts`, a requeueing Slurm) has started this run again."""
    return sum(number(name) or 0 for name in ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"))


@contextmanager
def process_group(
    device: torch.device,
    timeout_minutes: float = 30,
    log: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Join the group that a launcher describes in the environment; without one, stay alone.

    A process that waits longer than `timeout_minutes` for another ends with a message that names it, and `log`. What is
    `settings` (config, options) must be the same in all processes.
    """
    timeout = timeout_of(timeout_minutes)
    if launch().world_size == 1:
        yield
        return
    store, own, count = rendezvous(timeout)
    store = dist.PrefixStore(attempt(), store)
    dist.init_process_group(backend_of(device), store=store, rank=own, world_size=count, timeout=timeout)
    try:
        refuse_different_settings({"versions": {"segbox": __version__, "torch": torch.__version__}, **(settings or {})})
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in SIGNS_OF_LOST_PROCESS):
            raise
        missing = " and ".join(map(str, missing_ranks(store, own, count))) or "unknown"
        raise UserError(
            f"another process of this run (number {missing}) has ended, or hung for {timeout_minutes:g} minutes; if it"
            f" left a message, that says why.{f' The log: {log}.' if log else ''} Go on with --resume"
        ) from error
    dist.destroy_process_group()  # not after an error: the others would take the closed connection for the cause


def backend_of(device: torch.device) -> str:
    """Numbers on the CPU (flags, counts) always go by gloo; tensors on a GPU by NCCL."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def timeout_of(minutes: float) -> timedelta:
    if not 0 < minutes <= LONGEST_TIMEOUT:  # NaN neither
        raise UserError(f"--timeout {minutes:g}: expected minutes, more than 0 and up to {LONGEST_TIMEOUT} (a year)")
    return timedelta(milliseconds=math.ceil(minutes * 60_000))


def rendezvous(timeout: timedelta) -> tuple[dist.Store, int, int]:
    """The store that all processes share, this one's number, and how many they are."""
    address, port = meeting_point()
    wait_for_address(address, port, min(ADDRESS_SECONDS, timeout.total_seconds()))
    try:
        return next(dist.rendezvous("env://", timeout=timeout))
    except dist.DistError as error:
        text = " ".join(str(error).split())
        if "EADDRINUSE" in text:
            raise UserError(
                f"MASTER_PORT={port} is in use on this machine, by another run or another program; choose another"
                " MASTER_PORT for all processes (segbox launch on one machine finds a free one)"
            ) from error
        raise UserError(
            f"the {launch().world_size} processes of this run did not meet at {address}, port {port} (MASTER_ADDR,"
            f" MASTER_PORT) within {timeout.total_seconds() / 60:g} minutes: {text[:300]}. See that all are started,"
            " that the address is that of process 0's machine, and that nothing keeps the port closed"
        ) from error


def wait_for_address(address: str, port: int, seconds: float) -> None:
    """PyTorch would ask for an unknown name until its timeout."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.getaddrinfo(address, port)
            return
        except (OSError, UnicodeError) as error:  # UnicodeError: no name at all, such as "a..b"
            if time.monotonic() >= until:
                raise UserError(
                    f"MASTER_ADDR={address!r}: no machine is known by this name ({error}); it is the name or IP address"
                    " of the machine where process 0 runs"
                ) from error
        time.sleep(min(1.0, seconds))


def refuse_different_settings(settings: Mapping[str, Any]) -> None:
    """Each process reads its own files and options: on several machines they may be others."""
    if len(set(gather(hashlib.sha256(repr(settings).encode()).hexdigest()))) == 1:
        return
    first, *others = gather(settings)
    for other_rank, other in enumerate(others, 1):
        if found := changes(first, other):
            more = f" ({len(found)} values differ)" if len(found) > 1 else ""
            raise UserError(
                f"process {other_rank} was started with other settings than process 0: {found[0]}{more}. All"
                " processes of a run need the same config, options and versions; see that the files are the same on all"
                " machines"
            )


def attempt() -> str:
    """Set apart from the attempts before it, whose addresses the launcher's store still holds after a restart.

    All processes must have the same: of several nodes under a rendezvous of their own, each counts for itself.
    """
    known = os.environ
    is_counted_by_all = known.get("GROUP_WORLD_SIZE", "1") == "1" or known.get("TORCHELASTIC_RUN_ID") == "none"
    return f"attempt {known.get('TORCHELASTIC_RESTART_COUNT', 0) if is_counted_by_all else 'any'}"


def missing_ranks(store: dist.Store, own: int, count: int) -> list[int]:
    """Who does not answer while the launcher has time to end this process, which a dead one makes it do."""
    try:
        store.set(f"here {own}", "yes")
        time.sleep(MESSAGE_SECONDS)
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


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Every process gets the first one's values."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def barrier() -> None:
    any_says(False)
