"""What a process may use of the machine."""

import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import start_worker, train_loader
from segbox.data.statistics import class_frequencies, in_processes
from segbox.machine import cores, keep_freed_memory, memory, shared_memory_left, too_large


@pytest.fixture
def one_core():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are taken away on Linux only")
def test_more_workers_than_cores_are_not_started(one_core):
    """PyTorch would warn, and warnings are errors here."""
    assert cores() == 1
    dataset = ShapesDataset(num_images=24, size=(16, 16))
    assert train_loader(dataset, 2, 0, workers=3).batches.num_workers == 1
    next(iter(train_loader(dataset, 2, 0, workers=3)))
    assert class_frequencies(dataset, workers=3).all()


def test_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert cores() == 5


def test_shared_memory_is_that_of_its_disk(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=7) if path == "/dev/shm" else None)
    assert shared_memory_left() == 7


def test_without_a_disk_for_shared_memory_there_is_no_limit(monkeypatch):
    def absent(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr("shutil.disk_usage", absent)
    assert shared_memory_left() == sys.maxsize


def test_what_never_fits_is_told_with_the_numbers(monkeypatch):
    monkeypatch.setattr("segbox.machine.memory", lambda: 2**34)
    assert too_large(2**16, 2**16, 4) == "" and too_large(10, 10, 4) == ""
    told = "an image of 65537 x 65536 pixels takes 16 GB; this machine has 16 GB of memory"
    assert too_large(2**16 + 1, 2**16, 4) == told
    assert "takes inf GB" in too_large(1e200, 1e200, 4)
    monkeypatch.undo()
    assert 2**28 < memory() < 2**60


# --- freed memory ----------------------------------------------------------------------------------------------------

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is set with glibc only")
FAULTS = """
import resource
import numpy as np

def faults():
    for samples in (4, 20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(samples):
            images = [np.ones(6_000_000, np.uint8) for _ in range(5)]
            del images
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""


def faults(index: int = 0) -> int:
    """Page faults of arrays that are taken and freed again, in a process that has its first ones."""
    own = {}
    exec(FAULTS, own)
    return own["faults"]()


def faults_in_python(code: str, **environment: str) -> int:
    """The same after some code, in a new process."""
    program = f"{FAULTS}\n{code}\nprint(faults())"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run([sys.executable, "-c", program], env=clean | environment, capture_output=True, text=True)
    return int(done.stdout)


@needs_glibc
def test_freed_memory_is_kept():
    """The point: without it the same arrays fault again and again, although glibc adapts its thresholds."""
    keep = "from segbox.machine import keep_freed_memory; keep_freed_memory()"
    assert faults_in_python("") > 100 > faults_in_python(keep)
    assert faults_in_python(keep, MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 100
    assert faults_in_python(keep, GLIBC_TUNABLES="glibc.malloc.trim_threshold=131072") > 100


@needs_glibc
def test_commands_and_their_workers_keep_freed_memory(monkeypatch):
    for name in [*os.environ]:
        if name == "GLIBC_TUNABLES" or name.startswith("MALLOC_"):
            monkeypatch.delenv(name)
    command = "run = lambda args: None; add_arguments = lambda parser: None"
    start = "from segbox import commands; commands.module_of = lambda name: own; commands.start('own', [])"
    assert faults_in_python(f"class own: {command}\nown.__doc__ = ''\n{start}") < 100
    assert next(in_processes(faults, 1, workers=1)) < 100
    [counted] = DataLoader([0], num_workers=1, collate_fn=count_faults, worker_init_fn=start_worker)
    assert counted < 100


def count_faults(batch: list) -> int:
    return faults()


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_without_glibc_nothing_is_set(error, monkeypatch):
    def without(name):
        raise error

    monkeypatch.setattr("ctypes.CDLL", without)
    keep_freed_memory()
