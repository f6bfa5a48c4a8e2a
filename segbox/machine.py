"""The cores and the memory that this process may use, and the peak of what it uses."""

import os
import shutil
import sys
from collections.abc import Callable

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
LARGEST_IN_HEAP, KEPT = 2**25, 2**26  # bytes: what glibc itself comes to with larger and larger arrays


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


def memory_left() -> int:
    """Bytes that programs may still take: of the machine, or of the container; sys.maxsize if it is unknown."""
    left = [sys.maxsize]
    try:
        with open("/proc/meminfo") as file:
            left += [int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:")]
        with open("/sys/fs/cgroup/memory.max") as most, open("/sys/fs/cgroup/memory.current") as current:
            left.append(int(most.read()) - int(current.read()))
    except (OSError, ValueError):  # not Linux, no container, or one without a limit ("max")
        pass
    return max(0, min(left))


def keep_freed_memory() -> None:
    """Let this process keep up to 64 MB of what it frees, instead of giving it back to Linux after every image.

    To get it again costs a page fault for every 4 kB: a third of the time of a training sample of 2048 x 1024 pixels.
    Settings of malloc in the environment are left alone. Nothing happens without glibc.
    """
    if any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ):
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS; Windows
        return
    mallopt(MMAP_THRESHOLD, LARGEST_IN_HEAP)
    mallopt(TRIM_THRESHOLD, KEPT)


def shared_memory_left() -> int:
    """Free bytes for tensors that processes hand to each other; sys.maxsize where this is not a disk of its own."""
    try:
        return shutil.disk_usage("/dev/shm").free
    except OSError:  # macOS, Windows
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


def peak_mb(run: Callable, device: str) -> float | None:
    """The peak memory of a run beyond the memory before it: on the GPU, or resident (None if unknown)."""
    import torch

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = _reset_peak_resident()
    run()
    return None if before is None else (_resident("VmHWM") - before) / 2**20


def _reset_peak_resident() -> int | None:
    """Reset the peak of resident memory. Returns the resident bytes after freeing; None outside of Linux."""
    import ctypes

    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except (OSError, AttributeError):
        return None
    return _resident("VmRSS")


def _resident(key: str) -> int:
    """The value of a line of /proc/self/status in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{key}:"))
