"""Pictures for the check of an exported file, and for the ranges of its 8 bits."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from segbox.data.readers.files import read_image
from segbox.errors import DataError
from segbox.evaluation.predictor import Predictor
from segbox.export.plan import Plan, Size
from segbox.viz.sources import images_in

CHECKED, CALIBRATED = 3, 100  # pictures
LARGEST = 512  # pixels of a side, for the ranges


def pictures_in(predictor: Predictor, folder: Path) -> list[np.ndarray]:
    """The first pictures of a folder."""
    return list(islice(readable(predictor, folder), CHECKED))


def readable(predictor: Predictor, folder: Path) -> Iterator[np.ndarray]:
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder of images")
    for path in images_in(folder):
        yield read_image(path, predictor.channels, predictor.bits, predictor.exif)


def generated_pictures(plan: Plan) -> list[np.ndarray]:
    """Smooth noise around the model's mean, as wide as its std."""
    mean, std = (np.array(plan.metadata[key], np.float32) for key in ("mean", "std"))
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(CHECKED):
        noise = 1.5 * rng.standard_normal((12, 16, len(mean)), np.float32)
        picture = cv2.resize(noise, (256, 192), interpolation=cv2.INTER_CUBIC).reshape(192, 256, -1) * std + mean
        pictures.append(picture.clip(0, 255) if plan.metadata["input"] == "uint8" else picture)
    return pictures


def calibration_of(predictor: Predictor, plan: Plan, folder: Path) -> list[np.ndarray]:
    """Images B C H W of a folder: as large as the windows or the fixed size, else their own size, cut to 512 pixels."""
    size = plan.size or plan.metadata["window"]
    found = islice(readable(predictor, folder), CALIBRATED)
    return [batch_of(plan, [image], size or tuple(min(LARGEST, side) for side in image.shape[:2])) for image in found]


def batch_of(plan: Plan, pictures: Sequence[np.ndarray], size: Size) -> np.ndarray:
    """B C H W: the middle of each picture; smaller ones are enlarged."""
    cut = [middle(picture, size) for picture in pictures]
    return np.ascontiguousarray(np.stack(cut).transpose(0, 3, 1, 2), dtype=plan.metadata["input"])


def middle(picture: np.ndarray, size: Size) -> np.ndarray:
    height, width = size
    factor = max(1.0, height / picture.shape[0], width / picture.shape[1])
    if factor > 1:
        larger = max(width, round(factor * picture.shape[1])), max(height, round(factor * picture.shape[0]))
        picture = cv2.resize(picture, larger).reshape(larger[1], larger[0], -1)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
