"""Communication between the processes of a run. With one process, every function is a no-op."""

import hashlib
import math
import os
import pickle
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from segbox import __version__
from segbox.differences import changes
from segbox.ending import LEAD_SECONDS
from segbox.errors import UserError
from segbox.launch import LAUNCHERS, launch, meeting_point, number

Result = TypeVar("Result")
LONGEST_TIMEOUT = 365 * 24 * 60  # minutes
ADDRESS_SECONDS = 20  # a cluster may start a machine before the name of another resolves
MESSAGE_SECONDS = LEAD_SECONDS + 3  # for the process that failed to print its message
SIGNS_OF_LOST_PROCESS = (  # messages of gloo and NCCL in a process whose connection to another is lost
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
    """The index of this process's GPU on its machine."""
    own = launch()
    if own.local_rank is None and own.world_size > 1:
        raise UserError(
            "LOCAL_RANK is not set in the environment: with several processes it says which GPU of its machine each"
            f" takes (0, 1, ...). {LAUNCHERS}; or give each process a --device of its own, such as cuda:1"
        )
    return own.local_rank or 0


def restarts() -> int:
    """How many times a launcher (torchrun with `--max-restarts`, Slurm with requeueing) has restarted this run."""
    return sum(number(name) or 0 for name in ("TORCHELASTIC_RESTART_COUNT", "SLURM_RESTART_COUNT"))


@contextmanager
def process_group(
    device: torch.device,
    timeout_minutes: float = 30,
    log: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Join the process group that a launcher describes in the environment; without a launcher, do nothing.

    A process that waits longer than `timeout_minutes` for another one ends with a message that names it and `log`.
    `settings` (config, options) must be equal in all processes.
    """
    timeout = timeout_of(timeout_minutes)
    if launch().world_size == 1:
        yield
        return
    store, own, count = rendezvous(timeout)
    store = dist.PrefixStore(store_prefix(), store)
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
    dist.destroy_process_group()  # not after an error: the others would report the closed connection as its cause


def backend_of(device: torch.device) -> str:
    """Gloo for tensors on the CPU (flags, counts), NCCL for tensors on a GPU."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def timeout_of(minutes: float) -> timedelta:
    if not 0 < minutes <= LONGEST_TIMEOUT:  # NaN fails too
        raise UserError(f"--timeout {minutes:g}: expected minutes, more than 0 and up to {LONGEST_TIMEOUT} (a year)")
    return timedelta(milliseconds=math.ceil(minutes * 60_000))


def rendezvous(timeout: timedelta) -> tuple[dist.Store, int, int]:
    """Connect to the other processes. Returns the shared store, the rank and the world size."""
    address, port = meeting_point()
    wait_for_address(address, port, min(ADDRESS_SECONDS, timeout.total_seconds()))
    try:
        return next(dist.rendezvous("env://", timeout=timeout))
    except dist.DistError as error:
        text = " ".join(str(error).split())
        if "EADDRINUSE" in text:
            raise UserError(
                f"MASTER_PORT={port} is in use on this machine, by another run or program; choose another"
                " MASTER_PORT for all processes (segbox launch on one machine finds a free one)"
            ) from error
        raise UserError(
            f"the {launch().world_size} processes of this run did not meet at {address}, port {port} (MASTER_ADDR,"
            f" MASTER_PORT) within {timeout.total_seconds() / 60:g} minutes: {text[:300]}. Check that all are started,"
            " that the address is that of process 0's machine, and that no firewall blocks the port"
        ) from error


def wait_for_address(address: str, port: int, seconds: float) -> None:
    """Wait until the name resolves, for some seconds: PyTorch would retry an unknown name until its timeout."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.getaddrinfo(address, port)
            return
        except (OSError, UnicodeError) as error:  # UnicodeError: an invalid name such as "a..b"
            if time.monotonic() >= until:
                raise UserError(
                    f"MASTER_ADDR={address!r}: no machine is known by this name ({error}); it is the name or IP address"
                    " of the machine where process 0 runs"
                ) from error
        time.sleep(min(1.0, seconds))


def refuse_different_settings(settings: Mapping[str, Any]) -> None:
    """Raise if the settings differ: each process reads its own files, and on several machines they may differ."""
    if len(set(gather(hashlib.sha256(repr(settings).encode()).hexdigest()))) == 1:
        return
    first, *others = gather(settings)
    for other_rank, other in enumerate(others, 1):
        if found := changes(first, other):
            more = f" ({len(found)} values differ)" if len(found) > 1 else ""
            raise UserError(
                f"process {other_rank} was started with other settings than process 0: {found[0]}{more}. All"
                " processes of a run need the same config, options and versions; check that the files are equal on all"
                " machines"
            )


def store_prefix() -> str:
    """A prefix for the store's keys: after a restart, the launcher's store still holds the old addresses.

    All processes must have the same prefix, and several nodes with torchrun's rendezvous count restarts separately.
    """
    known = os.environ
    is_counted_by_all = known.get("GROUP_WORLD_SIZE", "1") == "1" or known.get("TORCHELASTIC_RUN_ID") == "none"
    return f"attempt {known.get('TORCHELASTIC_RESTART_COUNT', 0) if is_counted_by_all else 'any'}"


def missing_ranks(store: dist.Store, own: int, count: int) -> list[int]:
    """The ranks that do not answer within a few seconds, which give the launcher time to end this process."""
    try:
        store.set(f"here {own}", "yes")
        time.sleep(MESSAGE_SECONDS)
        return [rank for rank in range(count) if not store.check([f"here {rank}"])]
    except RuntimeError:  # the process that hosts the store has ended too
        return []


def gather(value: Any) -> list[Any]:
    """The values of all processes by rank, on every process (all-gather of objects)."""
    if world_size() == 1:
        return [value]
    values = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def once_per_machine(work: Callable[[], Result]) -> Result:
    """The result of `work`, done by one process of each machine and given to the others in a file.

    All processes call it. An exception in one machine's `work` is raised in all processes of the run.
    """
    if world_size() == 1:
        return work()
    machines = gather(machine_name())
    leader = machines.index(machine_name())
    result, file, error = None, None, None
    if rank() == leader:
        try:
            result = work()
            file = _write_result(result) if machines.count(machine_name()) > 1 else None
        except Exception as own:
            error = own
    told = gather((file, error))
    try:
        if error := next((error for _, error in told if error is not None), None):
            raise error
        if rank() != leader:
            result = pickle.loads(Path(told[leader][0]).read_bytes())
        return result
    finally:
        barrier()
        if file is not None:
            Path(file).unlink(missing_ok=True)


def machine_name() -> str:
    """The same in all processes of a machine; two containers of one host have different names."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()} {boot.read_text().strip() if boot.exists() else ''}"


def _write_result(result: Any) -> str:
    with tempfile.NamedTemporaryFile(prefix="segbox_", delete=False) as file:
        pickle.dump(result, file, pickle.HIGHEST_PROTOCOL)
    return file.name


def gather_tensors(values: Tensor) -> Tensor:
    """The tensors of all processes, of one shape, stacked by rank (all-gather). Without gradient."""
    if world_size() == 1:
        return values.detach()[None]
    every = [torch.empty_like(values) for _ in range(world_size())]
    dist.all_gather(every, values.detach().contiguous())
    return torch.stack(every)


def mean(values: Tensor) -> Tensor:
    """The mean over processes (all-reduce)."""
    if world_size() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values / world_size()


def maximum(values: Tensor) -> Tensor:
    """The maximum over processes (all-reduce)."""
    if world_size() == 1:
        return values
    values = values.clone()
    dist.all_reduce(values, op=dist.ReduceOp.MAX)
    return values


def sum_for_mean(values: Tensor) -> Tensor:
    """All-reduce sum. Its backward multiplies by world_size to cancel DDP's averaging."""
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
    """True on all processes if it is true on any."""
    if world_size() == 1:
        return flag
    vote = torch.tensor(int(flag))
    dist.all_reduce(vote, op=dist.ReduceOp.MAX)
    return bool(vote)


def broadcast(tensors: Iterable[Tensor]) -> None:
    """Copy the values of process 0 to all processes, in place."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def barrier() -> None:
    any_says(False)
