"""Class frequencies of a data set."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from segbox import distributed
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import PairDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.readers.files import read_label
from segbox.errors import ConfigError, DataError, UserError
from segbox.machine import cores, keep_freed_memory

OnProgress = Callable[[int, int], None]  # done, of how many
Result = TypeVar("Result")


def class_frequencies(dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None) -> np.ndarray:
    """Pixels of each class. Reads each label once, and no images; nothing is cached on disk."""
    return class_pixels(dataset, workers, on_progress)[0]


def class_pixels(
    dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """For each class, its pixels, and all labelled pixels of the images that hold it: the arguments of `all_weights`.

    Each process reads a part of the labels, and all get the same numbers.
    """

    def count() -> np.ndarray:
        sums = np.zeros((2, len(dataset.classes)), np.int64)
        for counts in own_label_counts(dataset, workers, on_progress):
            counts = counts[: len(dataset.classes)]
            sums += counts, np.where(counts > 0, counts.sum(), 0)
        return sums

    pixels, where_present = sum(together(count))
    return pixels, where_present


def label_counts(dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None) -> Iterator[np.ndarray]:
    """For each image in order, the pixels of each of the 256 values that its label may hold."""
    return in_processes(partial(_count_label, dataset, range(len(dataset))), len(dataset), workers, on_progress)


def own_label_counts(
    dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None
) -> Iterator[np.ndarray]:
    """`label_counts` of the images that this process reads, those of `own_indices`."""
    indices = own_indices(len(dataset))
    return in_processes(partial(_count_label, dataset, indices), len(indices), workers, on_progress)


def own_indices(length: int) -> range:
    """The images that this process reads; the processes of a run read different ones."""
    return range(distributed.rank(), length, distributed.world_size())


def together(work: Callable[[], Result]) -> list[Result]:
    """The results of `work` in all processes, in order of rank. A UserError in one is raised in all, so none waits."""
    try:
        outcome: Result | UserError = work()
    except UserError as error:
        outcome = error
    outcomes = distributed.gather(outcome)
    for outcome in outcomes:
        if isinstance(outcome, UserError):
            raise outcome
    return outcomes


def _count_label(dataset: SegDataset, indices: range, position: int) -> np.ndarray:
    """Zeros for a file that the data set skips."""
    try:
        return count_ids(load_label(dataset, indices[position]))
    except DataError:
        if not unwrap(dataset, indices[position])[0].skip_unreadable:
            raise
        return np.zeros(256, np.int64)


def load_label(dataset: SegDataset, index: int) -> np.ndarray:
    """The label as `dataset.load` gives it; if the data set has label files, the image is not read."""
    dataset, index = unwrap(dataset, index)
    if not isinstance(dataset, FolderDataset | PairDataset):
        return dataset.load(index)["label"]
    return cv2.LUT(read_label(dataset.files(index)[1], dataset.exif), dataset.label_table)


def count_ids(label: np.ndarray) -> np.ndarray:
    if label.size > 2**24:  # calcHist is ten times as fast, but its counts are float32
        return np.bincount(label.ravel(), minlength=256)
    return cv2.calcHist([label], [0], None, [256], [0, 256]).ravel().astype(np.int64)


# --- several processes -----------------------------------------------------------------------------------------------


def in_processes(
    function: Callable[[int], Result], length: int, workers: int = 0, on_progress: OnProgress | None = None
) -> Iterator[Result]:
    """function(0), function(1), ... in order, computed in worker processes. Their UserErrors are raised here."""
    if workers < 0:
        raise ConfigError(f"workers={workers}: expected 0 (in this process) or more")
    loader = DataLoader(
        _Calls(function, length),
        batch_size=8,
        num_workers=min(workers, cores(), -(-length // 8)),
        collate_fn=list,
        worker_init_fn=_start_worker,
        generator=torch.Generator().manual_seed(0),  # else the global random state is drawn from
    )
    done = 0
    for results in loader:
        for result in results:
            if isinstance(result, UserError):
                raise result
            yield result
        done += len(results)
        if on_progress is not None:
            on_progress(done, length)


class _Calls(Dataset):
    def __init__(self, function: Callable[[int], Any], length: int) -> None:
        self.function = function
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        try:
            return self.function(index)
        except UserError as error:  # PyTorch would wrap it in a stack trace
            return error


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(0)
    keep_freed_memory()
