"""Reads the environment variables of a launcher (torchrun, segbox launch, Slurm): rank, world size, address."""

import os
from dataclasses import dataclass

from segbox.errors import UserError

LAUNCHERS = "segbox launch, tools/slurm_train.sh and torchrun set all of these variables"
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Launch:
    """The rank of this process in the run and on its machine, and the number of processes."""

    rank: int
    local_rank: int | None  # None: not set
    world_size: int


def launch() -> Launch:
    """The checked values: with a wrong one, a process would wait for others that never come."""
    world_size = number("WORLD_SIZE", least=1)
    rank = number("RANK")
    local_rank = number("LOCAL_RANK")
    if rank is not None and world_size is None:
        raise UserError(
            f"RANK={rank} is set in the environment, but WORLD_SIZE is not. {LAUNCHERS}; for a run of one process,"
            " unset RANK"
        )
    count = world_size or 1
    if count > 1 and rank is None:
        raise UserError(
            f"WORLD_SIZE={count} is set in the environment, but RANK is not. {LAUNCHERS}; for a run of one process,"
            " unset WORLD_SIZE"
        )
    if rank is not None and rank >= count:
        raise UserError(
            f"RANK={rank} with WORLD_SIZE={count}: processes are numbered from 0 to {count - 1}. {LAUNCHERS}"
        )
    return Launch(rank or 0, local_rank, count)


def number(name: str, least: int = 0, most: int = 10**9) -> int | None:
    """The value of an environment variable; None if it is not set."""
    text = os.environ.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise UserError(
            f"{name}={text!r} in the environment: expected a whole number from {least} to {most}. {LAUNCHERS}"
        )
    return int(text)


def meeting_point() -> tuple[str, int]:
    """The address and port of process 0, where the processes of a run connect."""
    address, port = os.environ.get("MASTER_ADDR", ""), number("MASTER_PORT", least=1, most=LARGEST_PORT)
    missing = [name for name, value in (("MASTER_ADDR", address), ("MASTER_PORT", port)) if not value]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} of the environment: not set. A run of several processes needs the address of the"
            f" machine of process 0 and a free port on it. {LAUNCHERS}"
        )
    return address, port
