"""Parts of a data set: each image is judged by a model that was trained on the other parts."""

from collections.abc import Iterator

import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.errors import ConfigError
from segbox.review.contradictions import repeats_of


def folds_of(dataset: SegDataset, count: int) -> Iterator[tuple[list[int], list[int]]]:
    """For each part: the images to judge, each once, and all indices of the others, repeats included.

    The parts are random, and the same in each call.
    """
    repeats = repeats_of(dataset)
    if not 2 <= count <= len(repeats):
        raise ConfigError(f"--folds {count}: expected 2 to {len(repeats)} parts, the number of images")
    parts = np.array_split(np.random.default_rng(0).permutation(len(repeats)), count)
    for part in parts:
        own = set(part.tolist())
        others = [index for number, indices in enumerate(repeats) if number not in own for index in indices]
        yield [repeats[number][0] for number in sorted(own)], sorted(others)
