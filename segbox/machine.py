"""What this process may use of the machine."""

import os


def cores() -> int:
    """A container, Slurm or taskset may leave it fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
