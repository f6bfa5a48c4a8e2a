"""The cores and the memory that this process may use."""

import os
import sys


def cores() -> int:
    """The usable cores: a container, Slurm or taskset may allow fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """The memory of the machine in bytes; sys.maxsize if it is unknown (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def too_large(height: float, width: float, bytes_per_pixel: int) -> str:
    """A message if an image of this size cannot fit into memory; else an empty string."""
    needed = height * width * bytes_per_pixel
    if needed <= memory():
        return ""
    return (
        f"an image of {height:.6g} x {width:.6g} pixels takes {needed / 2**30:.3g} GB; this machine has"
        f" {memory() / 2**30:.3g} GB of memory"
    )
