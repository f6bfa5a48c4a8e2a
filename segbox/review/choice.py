"""Choose pictures that are uncertain and unlike each other."""

import numpy as np

ALIKE = 0.1  # of the typical distance between pictures: closer ones are near-duplicates
SAMPLED = 1000  # pictures that the typical distance is measured on


def choose(features: np.ndarray, uncertainty: np.ndarray, count: int) -> list[int]:
    """Up to `count` rows of `features` (N D), the first to label first.

    The first is the most uncertain one. Each next has the largest product of its uncertainty and its distance from the
    nearest one that is already chosen (k-center greedy, https://arxiv.org/abs/1708.00489, weighted). Of near-duplicates
    at most one is chosen, and none of which the model is entirely certain.
    """
    alike = ALIKE * typical_distance(features)
    nearest = np.full(len(features), np.inf, np.float32)
    gain = uncertainty.astype(np.float64)
    chosen: list[int] = []
    while len(chosen) < count and gain.max(initial=0) > 0:
        chosen.append(int(gain.argmax()))
        nearest = np.minimum(nearest, distances(features, chosen[-1]))
        gain = np.where(nearest > alike, uncertainty * nearest, 0)
    return chosen


def distances(features: np.ndarray, index: int) -> np.ndarray:
    """Of all pictures from one."""
    return np.linalg.norm(features - features[index], axis=1)


def typical_distance(features: np.ndarray) -> float:
    """The median between different pictures, of a sample that is spread evenly over all."""
    sample = features[np.linspace(0, len(features) - 1, min(SAMPLED, len(features))).astype(int)]
    pairs = [distances(sample[index:], 0)[1:] for index in range(len(sample) - 1)]
    return float(np.median(np.concatenate(pairs))) if pairs else 0.0
