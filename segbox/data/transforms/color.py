"""Change colours and sharpness."""

import random
from collections.abc import Sequence

import cv2
import numpy as np

from segbox.data.render import in_cv2, recolour, render
from segbox.data.sample import Sample
from segbox.data.transforms.transform import Transform
from segbox.errors import DataError
from segbox.registry import TRANSFORMS


@TRANSFORMS.register
class PhotoMetricDistortion(Transform):
    """Brightness, contrast, saturation and hue, each with probability 1/2 (SSD, https://arxiv.org/abs/1512.02325).

    Contrast comes before or after the colours. Hue is in OpenCV's degrees, 180 to the circle; images that are not RGB
    have no hue and no saturation: saturation=(1, 1), hue=0. `white` is the level at which values are cut, and
    brightness is in 255ths of it; bytes have 255, deeper images need it (12 bits: 4095).
    """

    keeps_view = True
    renders_first = True

    def __init__(
        self,
        brightness: float = 32,
        contrast: Sequence[float] = (0.5, 1.5),
        saturation: Sequence[float] = (0.5, 1.5),
        hue: int = 18,
        white: float | None = None,
    ) -> None:
        for name, value in {"contrast": contrast, "saturation": saturation}.items():
            if len(value) != 2 or not 0 <= value[0] <= value[1]:
                raise ValueError(f"{name}={value!r}: expected (low, high) with 0 <= low <= high")
        if not 0 <= brightness <= 255 or not 0 <= hue <= 90:
            raise ValueError(f"brightness={brightness!r}, hue={hue!r}: expected 0 to 255, and 0 to 90")
        if white is not None and white <= 0:
            raise ValueError(f"white={white!r}: expected a level above 0, or None for bytes")
        self.brightness = brightness
        self.contrast = tuple(contrast)
        self.saturation = tuple(saturation)
        self.hue = hue
        self.white = white

    def __call__(self, sample: Sample, rng: random.Random) -> Sample:
        sample = render(sample)
        self._check(sample)
        shift = rng.uniform(-self.brightness, self.brightness) if rng.random() < 0.5 else 0.0
        gain = rng.uniform(*self.contrast) if rng.random() < 0.5 else 1.0
        saturation = rng.uniform(*self.saturation) if rng.random() < 0.5 else 1.0
        turn = rng.randint(-self.hue, self.hue) if rng.random() < 0.5 else 0
        before, after = (gain, 1.0) if rng.random() < 0.5 else (1.0, gain)
        image = sample["image"]
        if image.dtype == np.uint8 and self.white in (None, 255):
            image = _distort_bytes(image, shift, before, turn, saturation, after)
        elif (shift, gain, saturation, turn) != (0.0, 1.0, 1.0, 0):
            image = _distort_levels(image, self.white, shift / 255, before, turn, saturation, after)
        return recolour(sample, image)

    def _check(self, sample: Sample) -> None:
        image = sample["image"]
        if image.shape[2] != 3 and (self.saturation != (1, 1) or self.hue):
            raise DataError(
                f"{sample['path']}: PhotoMetricDistortion changes saturation and hue, which are of RGB images; this one"
                f" has {image.shape[2]} channels: saturation=(1, 1), hue=0 changes brightness and contrast alone"
            )
        if image.dtype != np.uint8 and self.white is None:
            raise DataError(
                f"{sample['path']}: PhotoMetricDistortion needs the level of white in images of {image.dtype}:"
                " white=4095 for 12 bits, 65535 for 16 (segbox check prints the largest value)"
            )


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
        radius = max(rng.uniform(*self.radius), 1e-3)  # OpenCV derives a value itself if it is 0
        sample = render(sample)
        blurred = in_cv2(sample["image"], lambda part: cv2.GaussianBlur(part, (0, 0), radius))
        return recolour(sample, blurred)


def _distort_bytes(
    image: np.ndarray, shift: float, before: float, turn: int, saturation: float, after: float
) -> np.ndarray:
    """Without tables of levels: OpenCV takes several times as long for them as for arithmetic."""
    image = _scaled(_shifted(image, round(shift)), before)
    return _scaled(_turned(image, turn, saturation), after)


def _distort_levels(
    image: np.ndarray, white: float, shift: float, before: float, turn: int, saturation: float, after: float
) -> np.ndarray:
    """The same in floats where 1 is white; so is `shift`. Signed values are clipped at -1 as well."""
    black = 0.0 if image.dtype.kind == "u" else -1.0
    levels = (image.astype(np.float32) / white + shift).clip(black, 1) * before
    if turn or saturation != 1:
        levels = _turn_hue(levels.clip(0, 1), turn, saturation)
    levels = (levels.clip(black, 1) * after).clip(black, 1) * white
    return (levels if image.dtype.kind == "f" else np.rint(levels)).astype(image.dtype)


def _turn_hue(levels: np.ndarray, turn: int, saturation: float) -> np.ndarray:
    hsv = cv2.cvtColor(levels, cv2.COLOR_RGB2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0] + 2 * turn) % 360
    hsv[:, :, 1] = (hsv[:, :, 1] * saturation).clip(0, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _shifted(image: np.ndarray, levels: int) -> np.ndarray:
    if levels == 0:
        return image
    change = cv2.add if levels > 0 else cv2.subtract  # a number below 0 takes OpenCV six times as long
    return change(_plane(image), abs(levels)).reshape(image.shape)


def _scaled(image: np.ndarray, gain: float) -> np.ndarray:
    if gain == 1:
        return image
    return cv2.convertScaleAbs(_plane(image), alpha=gain).reshape(image.shape)


def _plane(image: np.ndarray) -> np.ndarray:
    """All channels in one, because OpenCV takes up to four."""
    return image.reshape(len(image), -1)


def _turned(image: np.ndarray, turn: int, saturation: float) -> np.ndarray:
    if turn == 0 and saturation == 1:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hue, strength, value = cv2.split(hsv)
    if turn:
        back = np.uint8(-turn % 180)
        hue = hue - back + (hue < back) * np.uint8(180)  # modulo 256, and so modulo 180
    cv2.merge((hue, _scaled(strength, saturation), value), dst=hsv)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=hsv)
