"""Draw class maps: in colours, over their image, with a legend. Pictures are RGB bytes, H W 3."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.errors import UserError
from segbox.outputs import write_bytes

Palette = Sequence[Sequence[int]]
FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE = 18  # height of a legend row
SAMPLED = 512  # pixels per side that are read to find the levels of a deep image


def colour_map(label: np.ndarray, palette: Palette) -> np.ndarray:
    """Each class (bytes, H W) in its colour; ignored pixels are black."""
    table = np.zeros((256, 1, 3), np.uint8)
    table[: len(palette), 0] = palette
    table[IGNORE_INDEX] = 0
    return cv2.LUT(cv2.merge([label] * 3), table)


def overlay(image: np.ndarray, label: np.ndarray, palette: Palette, opacity: float = 0.5) -> np.ndarray:
    """Blend the class colours over the image. Ignored pixels show only the image."""
    image = as_bytes(image)
    mixed = cv2.addWeighted(image, 1 - opacity, colour_map(label, palette), opacity, 0)
    return cv2.copyTo(image, (label == IGNORE_INDEX).view(np.uint8), mixed)


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Convert any image to RGB bytes for display: its first three channels, or its only one.

    Channels of other types are scaled from their 1st and 99th percentiles, so that a few bright pixels do not make the
    rest black.
    """
    image = image[..., None] if image.ndim == 2 else image
    image = image[..., :3] if image.shape[-1] >= 3 else np.repeat(image[..., :1], 3, axis=-1)
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    step = max(1, max(image.shape[:2]) // SAMPLED)
    black, white = np.percentile(image[::step, ::step], (1, 99), axis=(0, 1))
    levels = (image - black) / np.maximum(white - black, np.finfo(np.float32).tiny)
    return np.rint(255 * levels.clip(0, 1)).astype(np.uint8)


def side_by_side(pictures: Sequence[np.ndarray], titles: Sequence[str]) -> np.ndarray:
    """Pictures of one height in a row, each under its title."""
    height = max(picture.shape[0] for picture in pictures)
    columns = []
    for picture, title in zip(pictures, titles, strict=True):
        column = np.full((height + LINE + 2, picture.shape[1] + 4, 3), 255, np.uint8)
        column[LINE : LINE + picture.shape[0], 2 : 2 + picture.shape[1]] = picture
        cv2.putText(column, title, (4, LINE - 5), FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        columns.append(column)
    return np.hstack(columns)


def with_legend(picture: np.ndarray, classes: Sequence[str], palette: Palette, present: Sequence[int]) -> np.ndarray:
    """The picture with the names and colours of the `present` classes below it."""
    names = [classes[i] for i in present]
    width = max([60] + [cv2.getTextSize(name, FONT, 0.42, 1)[0][0] + 28 for name in names])
    per_row = max(1, picture.shape[1] // width)
    rows = -(-len(names) // per_row)
    strip = np.full((rows * LINE + 4, picture.shape[1], 3), 255, np.uint8)
    for k, (i, name) in enumerate(zip(present, names)):
        x, y = k % per_row * width, k // per_row * LINE
        cv2.rectangle(strip, (x + 4, y + 4), (x + 16, y + 16), tuple(map(int, palette[i])), -1)
        cv2.putText(strip, name, (x + 21, y + 14), FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([picture, strip])


def comparison(
    image: np.ndarray, target: np.ndarray, prediction: np.ndarray, classes: Sequence[str], palette: Palette
) -> np.ndarray:
    """Image, target and prediction in a row; small images are enlarged."""
    factor = max(1, 256 // max(image.shape[:2]))
    image = as_bytes(image)
    pictures = [image, overlay(image, target, palette), overlay(image, prediction, palette)]
    pictures = [cv2.resize(p, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST) for p in pictures]
    row = side_by_side(pictures, ("image", "target", "prediction"))
    present = [int(i) for i in np.unique(np.concatenate([target.ravel(), prediction.ravel()])) if i < len(classes)]
    return with_legend(row, classes, palette, present)


def write_image(path: Path, picture: np.ndarray) -> None:
    """RGB or single-channel bytes to a file, by its suffix."""
    check_suffix(path)
    write_bytes(path, encoded(picture, path.suffix))  # cv2.imwrite cannot write to all file names


def encoded(picture: np.ndarray, suffix: str, settings: Sequence[int] = ()) -> bytes:
    """RGB or single-channel bytes as the content of a file of this suffix; `settings` are those of `cv2.imencode`."""
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    return cv2.imencode(suffix, pixels, settings)[1].tobytes()


def check_suffix(path: Path) -> None:
    if not cv2.haveImageWriter(f"a{path.suffix}"):
        raise UserError(f"{path}: pictures are written as .png, .jpg, .bmp, .tif or .webp, not as {path.suffix!r}")
