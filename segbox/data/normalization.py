"""Detect a model's mean and std that are in other units than the images: bytes, or the values of deeper files."""

from collections.abc import Sequence

import numpy as np

MAX_DEVIATIONS = 10  # of the model's std; data sets of one unit differ by less

Numbers = Sequence[float] | float  # one per channel, or one for all


def is_mismatch(mean: Numbers, std: Numbers, images_mean: np.ndarray, images_std: np.ndarray) -> bool:
    """Whether the normalised images would be far from 0 or far too spread out."""
    levels = np.abs(images_mean - np.asarray(mean)) / np.asarray(std)
    return bool(max(levels.max(), (images_std / np.asarray(std)).max()) > MAX_DEVIATIONS)
