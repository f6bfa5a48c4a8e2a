"""Reads the environment variables of a launcher (torchrun, segbox launch, Slurm): rank, world size, address, and the
part of a Slurm array."""

import os
from dataclasses import dataclass

from segbox.errors import UserError

LAUNCHERS = "segbox launch, tools/slurm_train.sh and torchrun set all of these variables"
LARGEST_PORT = 65535
ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP")
EXPLICIT = "or say --shard I/N, or --shard none for the whole list"


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


@dataclass(frozen=True)
class Share:
    """Part `number` of `count`, from 1 on, of a list that several processes divide."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def of(cls, text: str) -> "Share":
        """Of I/N. ValueError for anything else."""
        number, _, count = text.partition("/")
        is_given = all(part.isascii() and part.isdigit() and len(part) < 10 for part in (number, count))
        if not is_given or not 1 <= int(number) <= int(count):
            raise ValueError(f"{text!r} is no share: 1/8 to 8/8, for example")
        return cls(int(number), int(count))


def share() -> tuple[Share, str]:
    """The share of this process, 1/1 if it is alone, and the variables that say so. Each task of a Slurm array may be
    several processes itself."""
    own = launch()
    task, tasks = array_task()
    names = ["RANK", "WORLD_SIZE"] * (own.world_size > 1) + [*ARRAY[:2]] * (tasks > 1)
    said = " ".join(f"{name}={os.environ[name]}" for name in names)
    return Share(task * own.world_size + own.rank + 1, tasks * own.world_size), said


def array_task() -> tuple[int, int]:
    """The place of this task in its Slurm array, from 0 on, and the number of tasks; 0 and 1 without an array."""
    if not os.environ.get(ARRAY[0]):
        return 0, 1
    task, count, first, step = (number(name) for name in ARRAY)
    if count is None or first is None:
        raise UserError(f"{ARRAY[0]}={task} is set in the environment, but not {ARRAY[1]} and {ARRAY[2]}; {EXPLICIT}")
    place, rest = divmod(task - first, step or 1)
    if rest or not 0 <= place < count:
        raise UserError(
            f"{ARRAY[0]}={task} in an array of {count} tasks from {first} on: the array has gaps, so its tasks do not"
            f" say which share of a list each takes. Use one without, such as --array=0-{max(count - 1, 1)}; {EXPLICIT}"
        )
    return place, count


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
