"""Join several data sets."""

from collections.abc import Sequence

import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetWrapper, Inner, check_agree, check_built
from segbox.registry import DATASETS


@DATASETS.register
class ConcatDataset(DatasetWrapper):
    """All images of all sets, which must agree on classes and palette. RepeatDataset inside changes the balance."""

    def __init__(self, datasets: Sequence[Inner]) -> None:
        if not isinstance(datasets, Sequence) or not datasets:
            raise ValueError(f"datasets={datasets!r}: expected a list of one data set or more")
        for position, dataset in enumerate(datasets):
            check_built(dataset, f"datasets.{position}")
        check_agree(datasets)
        self.datasets = list(datasets)
        self.ends = np.cumsum([len(dataset) for dataset in datasets])
        self.classes = datasets[0].classes
        self.palette = datasets[0].palette

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, index: int) -> tuple[SegDataset, int]:
        position = int(np.searchsorted(self.ends, index, side="right"))
        dataset = self.datasets[position]
        return dataset, int(index - (self.ends[position] - len(dataset)))
