"""Resize to a fixed or a random size."""

import math
import random
from collections.abc import Sequence

from segbox.arguments import Count
from segbox.data.placement import Size
from segbox.data.render import pending, with_placement
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.registry import TRANSFORMS


@TRANSFORMS.register
class Resize(Transform):
    """To `size` (height, width), or by the `short` and the `long` side.

    With `keep_ratio` the image fits inside `size`; with `short` and `long` the short side becomes `short` unless
    the long side would exceed `long`.
    """

    keeps_view = True
    only_places = True

    def __init__(
        self,
        size: tuple[Count, Count] | None = None,
        short: Count | None = None,
        long: Count | None = None,
        keep_ratio: bool = True,
    ) -> None:
        if size is None and short is None and long is None:
            raise ValueError("give size=(height, width), or short=, long= or both")
        self.target = _Target(size, short, long, keep_ratio)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        placement = pending(sample)
        return with_placement(sample, placement.resized(self.target.size(placement.size, 1.0)))


@TRANSFORMS.register
class RandomResize(Transform):
    """Resize to a random ratio times `size`, `short` or `long`; without any, times the image's own size."""

    only_places = True

    def __init__(
        self,
        ratio_range: Sequence[float] = (0.5, 2.0),
        size: tuple[Count, Count] | None = None,
        short: Count | None = None,
        long: Count | None = None,
        keep_ratio: bool = True,
    ) -> None:
        if len(ratio_range) != 2 or not 0 < ratio_range[0] <= ratio_range[1] < math.inf:
            raise ValueError(f"ratio_range={ratio_range!r}: expected (low, high) with 0 < low <= high")
        self.ratio_range = tuple(ratio_range)
        self.target = _Target(size, short, long, keep_ratio)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        placement = pending(sample)
        return with_placement(
            sample, placement.resized(self.target.size(placement.size, rng.uniform(*self.ratio_range)))
        )


class _Target:
    """The size that an image is resized to."""

    def __init__(self, size: Sequence[int] | None, short: int | None, long: int | None, keep_ratio: bool) -> None:
        if size is not None and (short is not None or long is not None):
            raise ValueError(f"size={size!r} and short={short!r}, long={long!r}: give one or the other")
        if size is not None and (isinstance(size, int) or len(size) != 2):
            raise ValueError(f"size={size!r}: expected (height, width)")
        if size is None and not keep_ratio:
            raise ValueError("keep_ratio=False needs size=(height, width)")
        for name, sides in {"size": size or (), "short": [short], "long": [long]}.items():
            if any(side is not None and side < 1 for side in sides):
                raise ValueError(f"{name}={size or sides[0]!r}: a side has at least one pixel")
        self.box = None if size is None else tuple(size)
        self.short = short
        self.long = long
        self.keep_ratio = keep_ratio

    def size(self, current: Size, ratio: float) -> Size:
        if self.box is not None and not self.keep_ratio:
            return _rounded(self.box, ratio)
        return _rounded(current, ratio * self._scale(current))

    def _scale(self, current: Size) -> float:
        if self.box is not None:
            return min(self.box[0] / current[0], self.box[1] / current[1])
        scales = [goal / side for goal, side in ((self.short, min(current)), (self.long, max(current))) if goal]
        return min(scales, default=1.0)


def _rounded(size: Sequence[int], ratio: float) -> Size:
    return max(1, int(size[0] * ratio + 0.5)), max(1, int(size[1] * ratio + 0.5))
