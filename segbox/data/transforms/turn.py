"""Flip and rotate."""

import random

from segbox.data.render import pending, with_placement
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.registry import TRANSFORMS

DIRECTIONS = ("horizontal", "vertical")


@TRANSFORMS.register
class RandomFlip(Transform):
    """Mirror left and right ("horizontal") or above and below ("vertical")."""

    only_places = True

    def __init__(self, probability: float = 0.5, direction: str = "horizontal") -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability={probability!r}: expected a number from 0 to 1")
        if direction not in DIRECTIONS:
            raise ValueError(f"direction={direction!r}: expected one of {', '.join(DIRECTIONS)}")
        self.probability = probability
        self.direction = direction

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        if rng.random() >= self.probability:
            return sample
        return with_placement(sample, pending(sample).flipped(self.direction))


@TRANSFORMS.register
class RandomRotate(Transform):
    """Rotate about the centre by a random angle in [-degrees, degrees]; the size stays.

    Corners show pixels that an earlier crop had removed, and are filled only outside of the source image.
    """

    only_places = True

    def __init__(self, degrees: float, probability: float = 0.5) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability={probability!r}: expected a number from 0 to 1")
        if not 0 <= degrees <= 180:
            raise ValueError(f"degrees={degrees!r}: expected a number from 0 to 180")
        self.degrees = degrees
        self.probability = probability

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        if rng.random() >= self.probability:
            return sample
        return with_placement(sample, pending(sample).rotated(rng.uniform(-self.degrees, self.degrees)))
