"""Repeat a data set."""

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetWrapper, Inner, check_built
from segbox.registry import DATASETS


@DATASETS.register
class RepeatDataset(DatasetWrapper):
    """Each image `times` times in an epoch: longer epochs, or more weight inside a ConcatDataset."""

    def __init__(self, dataset: Inner, times: int) -> None:
        if times < 1:
            raise ValueError(f"times={times!r}: expected 1 or more")
        self.dataset = check_built(dataset, "dataset")
        self.times = times
        self.classes = dataset.classes
        self.palette = dataset.palette

    def __len__(self) -> int:
        return self.times * len(self.dataset)

    def locate(self, index: int) -> tuple[SegDataset, int]:
        return self.dataset, index % len(self.dataset)
