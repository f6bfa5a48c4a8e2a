"""The section `data` of a config."""

from dataclasses import dataclass

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.wrapper import DatasetConfig
from segbox.data.decoded import Kind, open_cache

MOST_IMAGES = 1_000_000  # of a step
MOST_GIGABYTES = 2**20


@dataclass
class DataSettings:
    """The section `data`. `batch_size` counts the images of a step over all processes; `workers` is per process.

    `cache` keeps decoded images and labels, "ram" for the run or "disk" for later runs too, up to `cache_limit` GB
    (None: half of what is free).
    """

    train: DatasetConfig | None = None
    val: DatasetConfig | None = None
    batch_size: int = 16
    val_batch_size: int = 1
    workers: int = 4
    cache: Kind | None = None
    cache_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "val_batch_size"):
            if not 1 <= getattr(self, name) <= MOST_IMAGES:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 to {MOST_IMAGES} images")
        if self.cache_limit is not None and not 0 < self.cache_limit < MOST_GIGABYTES:
            raise ValueError(f"cache_limit={self.cache_limit}: expected GB, above 0; None takes half of what is free")
        if self.workers < 0:
            raise ValueError(f"workers={self.workers}: expected a number of processes, 0 or more")

    def with_cache(self, dataset: SegDataset) -> SegDataset:
        """The data set, reading through the cache of these settings. All processes of a run call it."""
        if self.cache is not None:
            dataset.cache = open_cache(self.cache, self.cache_limit)
        return dataset
