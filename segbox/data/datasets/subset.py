"""Some images of a data set."""

from collections.abc import Sequence

import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetWrapper, Inner, check_built
from segbox.registry import DATASETS


@DATASETS.register
class SubsetDataset(DatasetWrapper):
    """The images at `indices`, the `first` N images, or a random `fraction` that depends on `seed` alone."""

    def __init__(
        self,
        dataset: Inner,
        indices: Sequence[int] | None = None,
        first: int | None = None,
        fraction: float | None = None,
        seed: int = 0,
    ) -> None:
        self.dataset = check_built(dataset, "dataset")
        if sum(given is not None for given in (indices, first, fraction)) != 1:
            raise ValueError(
                f"indices={indices!r}, first={first!r}, fraction={fraction!r}: give one of them, and only one"
            )
        if first is not None:
            indices = _first(first, len(dataset))
        elif fraction is not None:
            indices = _fraction(fraction, len(dataset), seed)
        self.indices = _checked(indices, len(dataset))
        self.classes = dataset.classes
        self.palette = dataset.palette

    def __len__(self) -> int:
        return len(self.indices)

    def locate(self, index: int) -> tuple[SegDataset, int]:
        return self.dataset, int(self.indices[index])


def _first(first: int, length: int) -> Sequence[int]:
    if not 1 <= first <= length:
        raise ValueError(f"first={first!r}: the data set holds {length} images")
    return range(first)


def _fraction(fraction: float, length: int, seed: int) -> Sequence[int]:
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction={fraction!r}: expected more than 0 and at most 1")
    count = max(1, round(fraction * length))
    return sorted(np.random.default_rng(seed).permutation(length)[:count].tolist())


def _checked(indices: Sequence[int], length: int) -> np.ndarray:
    wrong = [index for index in indices if not (isinstance(index, int) and 0 <= index < length)]
    if wrong or not len(indices):
        raise ValueError(f"indices: {wrong[0] if wrong else 'none given'}; the data set has indices 0 to {length - 1}")
    return np.array(indices)
