"""What a process may use of the machine."""

import os
import sys
from types import SimpleNamespace

import pytest

from segbox.data.datasets.shapes import ShapesDataset
from segbox.data.loader import train_loader
from segbox.data.statistics import class_frequencies
from segbox.machine import cores, memory, shared_memory_left, too_large


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
