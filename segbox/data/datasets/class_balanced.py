"""Images with rare classes more often (repeat factor sampling of LVIS, https://arxiv.org/abs/1908.03195)."""

import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetWrapper, Inner, check_built
from segbox.data.statistics import label_counts
from segbox.registry import DATASETS


@DATASETS.register
class ClassBalancedDataset(DatasetWrapper):
    """A class in the share f of the images asks for the factor max(1, sqrt(threshold / f)); an image obeys its rarest.

    The part of a factor behind the point is drawn once, by `seed`. Reads every label when it is built, with
    `workers` processes. Classes on less than `min_pixels` pixels of an image do not count as being in it.
    """

    def __init__(self, dataset: Inner, threshold: float, min_pixels: int = 1, seed: int = 0, workers: int = 0) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold={threshold!r}: expected a share of the images, above 0 and 1 at most")
        self.dataset = check_built(dataset, "dataset")
        self.classes = dataset.classes
        self.palette = dataset.palette
        counts = label_counts(dataset, workers)
        present = np.stack([count[: len(self.classes)] >= min_pixels for count in counts])
        factors = repeat_factors(present, threshold)
        whole = np.floor(factors).astype(int)
        times = whole + (np.random.default_rng(seed).random(len(factors)) < factors - whole)
        self.indices = np.repeat(np.arange(len(factors)), times)

    def __len__(self) -> int:
        return len(self.indices)

    def locate(self, index: int) -> tuple[SegDataset, int]:
        return self.dataset, int(self.indices[index])


def repeat_factors(present: np.ndarray, threshold: float) -> np.ndarray:
    """One per image; `present` says which classes (columns) are in which image (rows)."""
    share = present.mean(axis=0)
    of_class = np.maximum(1, np.sqrt(threshold / np.maximum(share, 1e-12)))
    return np.where(present, of_class, 1).max(axis=1)
