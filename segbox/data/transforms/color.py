"""Change colours and sharpness."""

import random
from collections.abc import Sequence

import cv2
import numpy as np

from segbox.data.render import in_cv2, render
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.errors import DataError
from segbox.registry import TRANSFORMS

LEVELS = np.arange(256)


@TRANSFORMS.register
class PhotoMetricDistortion(Transform):
    """Brightness, contrast, saturation and hue, each with probability 1/2 (SSD, https://arxiv.org/abs/1512.02325).

    Contrast comes before or after the colours. For RGB bytes only; hue is in OpenCV's degrees, 180 to the circle.
    """

    keeps_view = True

    def __init__(
        self,
        brightness: float = 32,
        contrast: Sequence[float] = (0.5, 1.5),
        saturation: Sequence[float] = (0.5, 1.5),
        hue: int = 18,
    ) -> None:
        for name, value in {"contrast": contrast, "saturation": saturation}.items():
            if len(value) != 2 or not 0 <= value[0] <= value[1]:
                raise ValueError(f"{name}={value!r}: expected (low, high) with 0 <= low <= high")
        if not 0 <= brightness <= 255 or not 0 <= hue <= 90:
            raise ValueError(f"brightness={brightness!r}, hue={hue!r}: expected 0 to 255, and 0 to 90")
        self.brightness = brightness
        self.contrast = tuple(contrast)
        self.saturation = tuple(saturation)
        self.hue = hue

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        sample = render(sample)
        image = sample["image"]
        if image.dtype != np.uint8 or image.shape[2] != 3:
            raise DataError(
                f"{sample['path']}: PhotoMetricDistortion works on RGB bytes, this image has {image.shape[2]} channels"
                f" of {image.dtype}; take it out of the pipeline"
            )
        shift = rng.uniform(-self.brightness, self.brightness) if rng.random() < 0.5 else 0.0
        gain = rng.uniform(*self.contrast) if rng.random() < 0.5 else 1.0
        saturation = rng.uniform(*self.saturation) if rng.random() < 0.5 else 1.0
        turn = rng.randint(-self.hue, self.hue) if rng.random() < 0.5 else 0
        brighter = _bytes(LEVELS + shift)
        if rng.random() < 0.5:
            image = _map_hue(_map_levels(image, _bytes(brighter * gain)), turn, saturation)
        else:
            image = _map_levels(_map_hue(_map_levels(image, brighter), turn, saturation), _bytes(LEVELS * gain))
        return {**sample, "image": image}


@TRANSFORMS.register
class GaussianBlur(Transform):
    """Blur with a standard deviation drawn from `radius`, in pixels."""

    keeps_view = True

    def __init__(self, probability: float = 0.5, radius: Sequence[float] = (0, 1)) -> None:
        if not 0 <= probability <= 1:
            raise ValueError(f"probability={probability!r}: expected a number from 0 to 1")
        if len(radius) != 2 or not 0 <= radius[0] <= radius[1]:
            raise ValueError(f"radius={radius!r}: expected (low, high) with 0 <= low <= high")
        self.probability = probability
        self.radius = tuple(radius)

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        if rng.random() >= self.probability:
            return sample
        radius = max(rng.uniform(*self.radius), 1e-3)  # OpenCV takes 0 for "choose yourself"
        sample = render(sample)
        blurred = in_cv2(sample["image"], lambda part: cv2.GaussianBlur(part, (0, 0), radius))
        return {**sample, "image": blurred}


def _bytes(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def _map_levels(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    return image if (table == LEVELS).all() else cv2.LUT(image, table)


def _map_hue(image: np.ndarray, turn: int, saturation: float) -> np.ndarray:
    if turn == 0 and saturation == 1:
        return image
    table = np.stack([(LEVELS + turn) % 180, _bytes(LEVELS * saturation), LEVELS], axis=-1)
    hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table.astype(np.uint8)[None])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=hsv)
