"""One way to train on a data set: a model with its crop, its batch and its scale; and what it was measured to take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from segbox.data.placement import Size
from segbox.starter.fingerprint import Fingerprint
from segbox.starter.recipes import OWN_BATCH, Recipe

SIDES = {"cpu": 320, "cuda": 512}  # the longest side of a crop
SMALLER = 2 / 3  # of the sides, if time is short
SMALLEST_SIDE = 64
SMALLEST_BATCH = 2  # batch norm needs more than one image
ENLARGED = 1.5  # the scale of images whose classes are a few pixels thin


@dataclass(frozen=True)
class Setup:
    """`scale` is that of the images in training and at prediction. `amp` is a mixed precision, None fp32."""

    recipe: Recipe
    crop: Size
    batch: int
    scale: float = 1.0
    amp: str | None = None
    channels_last: bool = True

    @property
    def gflops(self) -> float:
        """Of a prediction for the images of a step."""
        return self.recipe.gflops * self.batch * self.crop[0] * self.crop[1] / 512**2


@dataclass(frozen=True)
class Measured:
    """What a setup takes on this machine. `is_guess`: computed from operations, or from a small step that was clearly
    too slow already.
    """

    setup: Setup
    step_seconds: float
    evaluation_seconds: float  # of the whole validation set
    start_seconds: float  # before the first step
    is_guess: bool = False
    core_share: float = 1.0  # of the cores that the steps got: less if other programs use them


def setups_for(recipes: Sequence[Recipe], facts: Fingerprint, device_type: str) -> list[Setup]:
    """What to choose from, from light to heavy. Where classes are thin, each model on enlarged images too."""
    scales = (1.0, ENLARGED) if facts.thin else (1.0,)
    found = [setup_of(recipe, facts, device_type, scale) for recipe in recipes for scale in scales]
    light = [own for own in found if own.recipe != recipes[0] or own.scale == 1]
    return sorted(light, key=lambda own: own.gflops / own.batch) if len(recipes) > 1 else found


def setup_of(recipe: Recipe, facts: Fingerprint, device_type: str, scale: float) -> Setup:
    """With the images, crops grow; half as many fill a step."""
    batch = (OWN_BATCH if device_type == "cpu" else 2 * OWN_BATCH) // (2 if scale > 1 else 1)
    return Setup(recipe, crop_size(facts, recipe.stride, device_type, scale), batch, scale)


def crop_size(facts: Fingerprint, stride: int, device_type: str, scale: float = 1.0) -> Size:
    """In whole cells of the coarsest map: on a GPU the median image, cut to the longest side; on a CPU, where the area
    is the time, a part of its shape.
    """
    longest = SIDES[device_type]
    middle = [side or longest for side in facts.median]
    factor = min(1.0, longest / max(middle)) if device_type == "cpu" else 1.0
    return tuple(whole_cells(scale * min(longest, factor * side), stride) for side in middle)


def whole_cells(side: float, stride: int) -> int:
    return max(SMALLEST_SIDE, int(side + 0.5) // stride * stride)


def smaller_crops(setup: Setup) -> list[Setup]:
    """The same with smaller and smaller crops, for when time is short."""
    found = []
    for _ in range(2):
        crop = tuple(whole_cells(SMALLER * side, setup.recipe.stride) for side in setup.crop)
        if crop == setup.crop:
            break
        setup = replace(setup, crop=crop)
        found.append(setup)
    return found


def with_half_batch(setup: Setup) -> Setup | None:
    """None if batch norm would have a single image."""
    return replace(setup, batch=setup.batch // 2) if setup.batch // 2 >= SMALLEST_BATCH else None
