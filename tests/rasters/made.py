"""Rasters and predictors for the tests of this folder."""

from pathlib import Path

import numpy as np
import torch

from segbox.evaluation.predictor import Predictor
from tests.trained import write_checkpoint

WINDOWS = 'test = dict(mode="slide", window=(32, 32), stride=(20, 20), windows_per_batch=3)\n'


class InMemory:
    """A raster without a file, which remembers how many rows were read at once."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.height, self.width, self.count = image.shape
        self.most_rows = 0

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        self.most_rows = max(self.most_rows, rows.stop - rows.start)
        return self.image[rows, columns]


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Blocks of noise, without zeros."""
    rng = np.random.default_rng(seed)
    small = rng.integers(1, 256, (-(-height // 8), -(-width // 8), channels), dtype=np.uint8)
    return np.ascontiguousarray(small.repeat(8, 0).repeat(8, 1)[:height, :width])


def predictor_of(folder: Path, text: str = WINDOWS) -> Predictor:
    return Predictor(None, write_checkpoint(folder, text=text), torch.device("cpu"))
