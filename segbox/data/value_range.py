"""Whether a model's mean and std are in the units of the images: bytes, or whatever a deeper file holds."""

from collections.abc import Sequence

import numpy as np

FAR = 10  # of the model's standard deviations; from there on it is another unit, and not another set of images

Numbers = Sequence[float] | float  # one per channel, or one for all


def are_far(mean: Numbers, std: Numbers, images_mean: np.ndarray, images_std: np.ndarray) -> bool:
    """The images, normalised, would be far from 0 or far too spread out."""
    levels = np.abs(images_mean - np.asarray(mean)) / np.asarray(std)
    return bool(max(levels.max(), (images_std / np.asarray(std)).max()) > FAR)
