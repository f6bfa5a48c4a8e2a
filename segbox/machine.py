"""What this process may use of the machine."""

import os
import sys


def cores() -> int:
    """A container, Slurm or taskset may leave it fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int:
    """Bytes; without an end where the system does not tell (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def too_large(height: float, width: float, bytes_per_pixel: int) -> str:
    """Why such an image can never be held, with the numbers; empty if it can, as far as is known."""
    needed = height * width * bytes_per_pixel
    if needed <= memory():
        return ""
    return (
        f"an image of {height:.6g} x {width:.6g} pixels takes {needed / 2**30:.3g} GB; this machine has"
        f" {memory() / 2**30:.3g} GB of memory"
    )
