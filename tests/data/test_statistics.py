"""Labels are counted once per run: each process reads its share, and all know the same."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from segbox import distributed
from segbox.data import statistics
from segbox.data.datasets.class_balanced import ClassBalancedDataset
from segbox.data.datasets.dataset import SegDataset
from segbox.data.statistics import class_pixels, label_counts
from segbox.errors import DataError


class Marks(SegDataset):
    """Image i holds class i % 3 on a few pixels. Notes which labels are read; those in `broken` cannot be."""

    classes = ("ground", "often", "seldom", "never")

    def __init__(self, length: int = 11, broken: tuple[int, ...] = ()) -> None:
        self.length = length
        self.broken = broken
        self.palette = [(0, 0, 0)] * 4
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.length

    def load(self, index: int) -> dict:
        self.read.append(index)
        if index in self.broken:
            raise DataError(f"{index}.png: the file is empty")
        label = np.zeros((4, 5), np.uint8)
        label[0, : 1 + index % 2] = 2 if index == 7 else index % 2
        return {"image": np.zeros((4, 5, 3), np.uint8), "label": label, "path": str(index), "size": (4, 5)}


def in_ranks(monkeypatch, count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each of so many processes gets, or its error; threads stand for them."""
    own = threading.local()
    barrier, values = threading.Barrier(count, timeout=20), [None] * count

    def gather(value):
        values[own.rank] = value
        barrier.wait()
        every = list(values)
        barrier.wait()
        return every

    results: list[Any] = [None] * count

    def run(rank: int) -> None:
        own.rank = rank
        try:
            results[rank] = work(rank)
        except DataError as error:
            results[rank] = error

    with monkeypatch.context() as patched:
        patched.setattr(distributed, "rank", lambda: own.rank)
        patched.setattr(distributed, "world_size", lambda: count)
        patched.setattr(distributed, "gather", gather)
        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_each_process_reads_its_share_and_all_know_the_same(monkeypatch, count):
    alone = ClassBalancedDataset(Marks(), threshold=0.9, seed=1)
    sets = [Marks() for _ in range(count)]
    balanced = in_ranks(monkeypatch, count, lambda rank: ClassBalancedDataset(sets[rank], threshold=0.9, seed=1))
    assert all((own.indices == alone.indices).all() for own in balanced) and len(alone) > 11
    assert sorted(index for one in sets for index in one.read) == list(range(11))
    assert [one.read for one in sets] == [list(range(rank, 11, count)) for rank in range(count)]
    pixels = in_ranks(monkeypatch, count, lambda rank: class_pixels(Marks()))
    assert all((np.stack(own) == np.stack(class_pixels(Marks()))).all() for own in pixels)


@pytest.mark.parametrize("work", [class_pixels, lambda dataset: ClassBalancedDataset(dataset, threshold=0.5)])
def test_a_label_that_one_process_cannot_read_is_told_by_all(monkeypatch, work):
    told = in_ranks(monkeypatch, 3, lambda rank: work(Marks(broken=(4,))))
    assert [str(error) for error in told] == ["4.png: the file is empty"] * 3


def test_disks_with_other_files_are_told(monkeypatch):
    told = in_ranks(monkeypatch, 2, lambda rank: ClassBalancedDataset(Marks(11 - rank), threshold=0.5))
    assert all("of different lengths (process 0: 11, process 1: 10)" in str(error) for error in told)


def test_a_bug_is_not_taken_for_a_mistake(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        statistics.together(lambda: 1 // 0)


def test_labels_that_are_skipped_count_nothing():
    dataset = Marks(broken=(7,))
    with pytest.raises(DataError, match=r"^7.png"):
        class_pixels(dataset)
    dataset.skip_unreadable = True
    assert class_pixels(dataset)[0][2] == 0 and class_pixels(Marks())[0][2] > 0
    assert not list(label_counts(dataset))[7].any()
    assert len(ClassBalancedDataset(dataset, threshold=1e-9)) == 11
