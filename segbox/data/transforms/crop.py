"""Crop and pad."""

import random
from collections.abc import Sequence

import numpy as np

from segbox import IGNORE_INDEX
from segbox.arguments import Count
from segbox.data.placement import Placement, Size
from segbox.data.render import BYTES_PER_PIXEL, label_rows, pending, render, render_label, with_placement
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.machine import too_large
from segbox.registry import TRANSFORMS

TRIES = 10  # windows that are drawn before one with too much of a class is accepted
PREVIEW = 128  # pixels per side of the reduced label that cat_max_ratio is measured on


@TRANSFORMS.register
class RandomCrop(Transform):
    """A window of `size`, an int or (height, width), anywhere; a smaller image is padded right and below.

    Windows in which one class has more than `cat_max_ratio` of the labelled pixels are drawn again, a few times.
    """

    only_places = True

    def __init__(self, size: Count | tuple[Count, Count], cat_max_ratio: float = 1.0) -> None:
        if not 0 < cat_max_ratio <= 1:
            raise ValueError(f"cat_max_ratio={cat_max_ratio!r}: expected a ratio in (0, 1]; 1 accepts any window")
        self.size = _size(size)
        self.cat_max_ratio = cat_max_ratio

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        window = self._draw(pending(sample), rng)
        if self.cat_max_ratio < 1 and "label" in sample:
            for _ in range(TRIES - 1):
                if _largest_share(label_rows(sample, window), window) <= self.cat_max_ratio:
                    break
                window = self._draw(pending(sample), rng)
        return with_placement(sample, window)

    def _draw(self, placement: Placement, rng: random.Random) -> Placement:
        top = rng.randint(0, max(0, placement.size[0] - self.size[0]))
        left = rng.randint(0, max(0, placement.size[1] - self.size[1]))
        return placement.cropped(top, left, self.size)


@TRANSFORMS.register
class CenterCrop(Transform):
    """The window of `size` in the middle; a smaller image is padded on all sides."""

    only_places = True

    def __init__(self, size: Count | tuple[Count, Count]) -> None:
        self.size = _size(size)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        placement = pending(sample)
        top, left = (placement.size[0] - self.size[0]) // 2, (placement.size[1] - self.size[1]) // 2
        return with_placement(sample, placement.cropped(top, left, self.size))


@TRANSFORMS.register
class Pad(Transform):
    """Pad right and below, to at least `size` or to the next multiple of `divisor`."""

    def __init__(self, size: Count | tuple[Count, Count] | None = None, divisor: Count | None = None) -> None:
        if (size is None) == (divisor is None):
            raise ValueError(f"size={size!r}, divisor={divisor!r}: give exactly one of them")
        if divisor is not None and divisor < 1:
            raise ValueError(f"divisor={divisor!r}: expected 1 or more")
        self.size = (0, 0) if size is None else _size(size)
        self.divisor = divisor or 1

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        height, width = pending(sample).size
        size = (self._padded(height, self.size[0]), self._padded(width, self.size[1]))
        if size == (height, width):
            return sample
        if "placement" in sample and _cuts(sample["placement"], sample["image"].shape):
            sample = render(sample)  # or the padding would show again what a crop has removed
        return with_placement(sample, pending(sample).cropped(0, 0, size))

    def _padded(self, side: int, least: int) -> int:
        return -(-max(side, least) // self.divisor) * self.divisor


def _size(size: int | Sequence[int]) -> Size:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"size={size!r}: expected a number of pixels, or (height, width)")
    if why := too_large(*pair, BYTES_PER_PIXEL):
        raise ValueError(f"size={size!r}: {why}")
    return pair


def _largest_share(label: np.ndarray, window: Placement) -> float:
    """The fraction of labelled pixels that belong to the most frequent class; 1 if none is labelled."""
    preview = window.resized((min(PREVIEW, window.size[0]), min(PREVIEW, window.size[1])))
    counts = np.bincount(render_label(label, preview).ravel(), minlength=256)
    counts[IGNORE_INDEX] = 0
    return counts.max() / counts.sum() if counts.sum() else 1.0


def _cuts(placement: Placement, shape: tuple[int, ...]) -> bool:
    """Whether some of the source lies outside of the output."""
    corners = np.array([[0, shape[1], 0, shape[1]], [0, 0, shape[0], shape[0]], [1, 1, 1, 1]])
    x, y, _ = placement.matrix @ corners
    return min(x.min(), y.min()) < -1e-6 or x.max() > placement.size[1] + 1e-6 or y.max() > placement.size[0] + 1e-6
