"""What a model predicts for one image, and the images that it takes."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from segbox.data.readers.files import read_image
from segbox.data.readers.format import KINDS
from segbox.errors import DataError, did_you_mean, short
from segbox.evaluation.predictor import Predictor
from segbox.outputs import claim
from segbox.viz.areas import class_shares
from segbox.viz.certainty import CERTAINTY, as_grey
from segbox.viz.overlay import check_suffix, colour_map, overlay, write_image
from segbox.viz.prediction_html import prediction_html
from segbox.viz.predictions import overlay_with_legend, write_array

SAVED = ("overlay", "mask", "color", "confidence", "entropy", "probs")  # as `segbox predict --save` writes them
EXACT = {"mask": "the ids of a mask", **dict.fromkeys(CERTAINTY, "the values")}
MOST_NAMED = 5  # classes in the text of a prediction


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction of one image, at its own size."""

    image: np.ndarray  # H W C, as the model got it
    classes: np.ndarray  # H W, the id of a class for each pixel
    predictor: Predictor

    @property
    def names(self) -> tuple[str, ...]:
        return self.predictor.classes

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        return self.predictor.palette

    @cached_property
    def probabilities(self) -> np.ndarray:
        """K H W; the model runs again for them."""
        return self.predictor.probabilities(self.image).numpy()

    @cached_property
    def _certainty(self) -> tuple[np.ndarray, np.ndarray]:
        return self.predictor.certainty(self.image)[1:]

    @property
    def confidence(self) -> np.ndarray:
        """H W, the probability of the chosen class; the model runs again, once for this and the entropy."""
        return self._certainty[0]

    @property
    def entropy(self) -> np.ndarray:
        """H W: 0 where one class is certain, 1 where all are equally probable (entropy / log K)."""
        return self._certainty[1]

    def areas(self) -> dict[str, float]:
        """The share of the image that each class covers; together 1."""
        return class_shares(self.classes, self.names)

    def overlay(self, opacity: float = 0.5) -> np.ndarray:
        """The colours of the classes over the image: H W 3, RGB."""
        return overlay(self.image, self.classes, self.palette, opacity)

    def save(self, path: str | Path, kind: str = "overlay") -> Path:
        """Write a picture: "overlay" (over the image, with a legend), "mask" (the ids), "color", "confidence" or
        "entropy" (grey, 0 to 255); or "probs" (.npy).

        A file that segbox has not written is never replaced.
        """
        path = Path(path)
        if kind not in SAVED:
            raise DataError(f"{kind!r} is none of {', '.join(SAVED)}.{did_you_mean(kind, SAVED)}")
        if kind in EXACT and path.suffix.lower() in (".jpg", ".jpeg", ".webp"):
            raise DataError(f"{path}: {EXACT[kind]} would not survive in this format; write a .png")
        if kind == "probs" and path.suffix != ".npy":
            raise DataError(f"{path}: probabilities are written as .npy")
        if kind != "probs":
            check_suffix(path)
        claim([(path, "the prediction")])
        if kind == "probs":
            write_array(path, self.probabilities.astype(np.float16))
        else:
            write_image(path, self.picture(kind))
        return path

    def picture(self, kind: str) -> np.ndarray:
        if kind == "overlay":
            return overlay_with_legend(self.image, self.classes, self.predictor)
        if kind in CERTAINTY:
            return as_grey(self.confidence if kind == "confidence" else self.entropy)
        return self.classes if kind == "mask" else colour_map(self.classes, self.palette)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return prediction_html(self.overlay(), self.areas(), self.palette)

    def __repr__(self) -> str:
        ids, counts = np.unique(self.classes, return_counts=True)
        shares = sorted(zip(counts / self.classes.size, ids), reverse=True)
        text = ", ".join(f"{self.names[i]} {share:.0%}" for share, i in shares[:MOST_NAMED])
        more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
        return f"Prediction({self.classes.shape[0]}x{self.classes.shape[1]}: {text}{more})"


def as_image(source: Any, predictor: Predictor) -> np.ndarray:
    """H W C in RGB order, as the model takes it. A PIL image is not turned by its EXIF tag; a file is."""
    if isinstance(source, str | Path):
        if Path(source).is_dir():
            raise DataError(f"{source}: is a folder; give a list of its files")
        return read_image(source, predictor.channels, predictor.bits, predictor.exif)
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(source, pil.Image):
        modes = {1: "L", 3: "RGB"} if predictor.bits == 8 else {}
        mode = modes.get(predictor.channels)
        source = np.asarray(source if mode is None else source.convert(mode))
    if not isinstance(source, np.ndarray):
        kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
        raise DataError(f"an image is a path, an array (H W C, RGB) or a PIL image, not {kind}: {short(source)}")
    return checked_array(source, predictor.channels, KINDS[predictor.bits])


def checked_array(image: np.ndarray, channels: int, kinds: tuple[str, ...]) -> np.ndarray:
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] != channels or not image.size:
        raise DataError(f"the model takes arrays of H W {channels}, not of {' '.join(map(str, image.shape))}")
    if image.dtype not in kinds:
        raise DataError(f"the model takes arrays of {' or '.join(kinds)}, not of {image.dtype}")
    return np.ascontiguousarray(image)
