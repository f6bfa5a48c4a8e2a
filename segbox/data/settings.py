"""The section `data` of a config."""

from dataclasses import dataclass

from segbox.data.datasets.wrapper import DatasetConfig

MOST_IMAGES = 1_000_000  # of a step


@dataclass
class DataSettings:
    """The section `data`. `batch_size` counts the images of a step over all processes; `workers` is per process."""

    train: DatasetConfig | None = None
    val: DatasetConfig | None = None
    batch_size: int = 16
    val_batch_size: int = 1
    workers: int = 4

    def __post_init__(self) -> None:
        for name in ("batch_size", "val_batch_size"):
            if not 1 <= getattr(self, name) <= MOST_IMAGES:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 to {MOST_IMAGES} images")
        if self.workers < 0:
            raise ValueError(f"workers={self.workers}: expected a number of processes, 0 or more")
