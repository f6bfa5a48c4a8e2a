"""Images with rare classes more often (repeat factor sampling of LVIS, https://arxiv.org/abs/1908.03195)."""

import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetWrapper, Inner, check_built
from segbox.data.statistics import own_indices, own_label_counts, together
from segbox.errors import DataError
from segbox.registry import DATASETS


@DATASETS.register
class ClassBalancedDataset(DatasetWrapper):
    """Repeats an image by the factor of its rarest class: max(1, sqrt(threshold / f)), where f of the images hold it.

    The fractional part of a factor is rounded at random once, by `seed`. The constructor reads all labels: each process
    of a run reads a part of them, with `workers` worker processes, and all get the same factors. A class with fewer
    than `min_pixels` pixels in an image counts as absent from it.
    """

    def __init__(self, dataset: Inner, threshold: float, min_pixels: int = 1, seed: int = 0, workers: int = 0) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold={threshold!r}: expected a fraction of the images, above 0 and at most 1")
        self.dataset = check_built(dataset, "dataset")
        self.classes = dataset.classes
        self.palette = dataset.palette
        factors = _factors(dataset, threshold, min_pixels, workers)
        times = np.floor(factors).astype(int)
        times += np.random.default_rng(seed).random(len(factors)) < factors - times
        self.indices = np.repeat(np.arange(len(factors)), times)

    def __len__(self) -> int:
        return len(self.indices)

    def locate(self, index: int) -> tuple[SegDataset, int]:
        return self.dataset, int(self.indices[index])


def _factors(dataset: SegDataset, threshold: float, min_pixels: int, workers: int) -> np.ndarray:
    """The factor of each image, the same in every process."""
    lengths = together(lambda: len(dataset))
    if len(set(lengths)) > 1:
        shown = ", ".join(f"process {rank}: {length}" for rank, length in enumerate(lengths))
        raise DataError(f"the processes of the run find data sets of different lengths ({shown}); copy the same files")
    num_classes = len(dataset.classes)

    def read() -> np.ndarray:
        present = np.zeros((len(own_indices(len(dataset))), num_classes), bool)
        for row, count in zip(present, own_label_counts(dataset, workers)):
            row[:] = count[:num_classes] >= min_pixels
        return present

    every = together(lambda: np.packbits(read(), axis=1))
    present = np.zeros((len(dataset), num_classes), bool)
    for rank, packed in enumerate(every):
        present[rank :: len(every)] = np.unpackbits(packed, axis=1, count=num_classes)
    return repeat_factors(present, threshold)


def repeat_factors(present: np.ndarray, threshold: float) -> np.ndarray:
    """The factor of each image. `present` tells which classes (columns) an image (row) holds."""
    share = present.mean(axis=0)
    of_class = np.maximum(1, np.sqrt(threshold / np.maximum(share, 1e-12)))
    return np.where(present, of_class, 1).max(axis=1)
