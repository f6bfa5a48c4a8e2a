"""How far scores can be trusted: the bootstrap over images (https://doi.org/10.1201/9780429246593).

The images of a validation set are a sample of all images that could have been in it. Other sets of as many images are
made by drawing from these with replacement, and the scores of each are computed from the counts of its images. 95 % of
the scores lie between the 2.5 and the 97.5 percentile. Images must be independent of each other: neighbouring frames of
a video are not, and their intervals are too narrow. Windows of one raster are drawn together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from segbox.evaluation.metrics import means_of_classes, ratio
from segbox.evaluation.records import Evaluation, by_scene

RESAMPLES = 1000
PERCENTILES = (2.5, 97.5)
LARGEST_BLOCK = 2**22  # weights at once
OVERALL = ("mIoU", "aAcc")


@dataclass(frozen=True)
class Interval:
    """A score in percent, and the limits between which 95 % of the resamples lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """The score of b minus that of a. `share`: of the resamples in which b is better."""

    share: float

    @property
    def is_shown(self) -> bool:
        """Whether 0, no difference, lies outside of the interval."""
        return self.low > 0 or self.high < 0


def bootstrap(evaluation: Evaluation, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
    """mIoU, aAcc and the IoU of each class, by the names of the metric."""
    tables = stacked(by_scene(evaluation))
    samples = resampled(evaluation, tables, resamples, seed)
    limits = zip(scores_of(evaluation, tables.sum(0)), *percentiles(samples), strict=True)
    return {name: Interval(*map(float, own)) for name, own in zip(names_of(evaluation.classes), limits, strict=True)}


def paired_bootstrap(a: Evaluation, b: Evaluation, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Difference]:
    """The differences of two evaluations of the same images in the same order (see `matching.py`).

    Both get the same resamples: what is hard for both in an image does not blur their difference. Means over classes
    are taken as in `a`.
    """
    of_a, of_b = stacked(by_scene(a)), stacked(by_scene(b))
    value = scores_of(a, of_b.sum(0)) - scores_of(a, of_a.sum(0))
    samples = resampled(a, of_b, resamples, seed) - resampled(a, of_a, resamples, seed)
    known = np.isfinite(samples).sum(0)
    share = np.where(known, (samples > 0).sum(0) / np.maximum(known, 1), np.nan)
    rows = zip(value, *percentiles(samples), share, strict=True)
    return {name: Difference(*map(float, own)) for name, own in zip(names_of(a.classes), rows, strict=True)}


def names_of(classes: Sequence[str]) -> list[str]:
    return [*OVERALL, *(f"IoU/{label}" for label in classes)]


def stacked(evaluation: Evaluation) -> np.ndarray:
    """Hits, targets, guesses of each image: N x 3K. Sums in float64 are exact up to 2**53 pixels."""
    return np.concatenate(evaluation.tables(), axis=1).astype(np.float64)


def scores_of(evaluation: Evaluation, sums: np.ndarray) -> np.ndarray:
    """The scores of `names_of` from summed tables: ... x 3K -> ... x (2 + K)."""
    hits, targets, guesses = np.split(sums, 3, axis=-1)
    per_class = ratio(hits, targets + guesses - hits, targets + guesses > 0)
    mean = means_of_classes(per_class, evaluation.absent, evaluation.ignore_background)
    accuracy = ratio(hits.sum(-1), targets.sum(-1), True)
    return np.concatenate([mean[..., None], accuracy[..., None], per_class], axis=-1)


def resampled(evaluation: Evaluation, tables: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """The scores of each resample: R x (2 + K). A class that does not occur in it is NaN; so is all of one image."""
    if len(tables) < 2:
        return np.full((1, len(names_of(evaluation.classes))), np.nan)
    weights = weights_of(len(tables), resamples, seed)
    return np.concatenate([scores_of(evaluation, block @ tables) for block in weights])


def weights_of(images: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image is in each resample, in blocks of rows. A function of its arguments alone."""
    random = np.random.default_rng(seed)
    rows = max(1, LARGEST_BLOCK // images)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        yield random.multinomial(images, np.full(images, 1 / images), size=size).astype(np.float64)


def percentiles(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The limits of each column, without its NaN; NaN where there is nothing else."""
    limits = np.full((2, samples.shape[1]), np.nan)
    known = np.isfinite(samples).any(0)
    limits[:, known] = np.nanpercentile(samples[:, known], PERCENTILES, axis=0)
    return limits[0], limits[1]


def describe_interval(evaluation: Evaluation) -> str:
    """The mIoU and its interval as a line; empty where a single image leaves nothing to draw from."""
    own = bootstrap(evaluation)["mIoU"]
    if own.low != own.low:
        return ""
    return f"mIoU {own.value:.1f}, 95 % between {own.low:.1f} and {own.high:.1f} (bootstrap over {drawn(evaluation)})"


def drawn(evaluation: Evaluation) -> str:
    """What the bootstrap draws: "100 images", or "2 scenes" of windows."""
    images, scenes = len(evaluation.images), len(by_scene(evaluation).images)
    return f"{images:,} images" if scenes == images else f"{scenes:,} scene{'s' if scenes > 1 else ''}"
