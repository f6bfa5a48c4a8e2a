"""Pictures of an evaluation while it runs."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from segbox.viz.overlay import Palette, comparison, write_image


class PictureWriter:
    """Writes image, truth and prediction of every image into a folder, under the image's name."""

    def __init__(self, folder: Path, classes: Sequence[str], palette: Palette) -> None:
        self.folder = folder
        self.classes = classes
        self.palette = palette

    def __call__(self, item: dict, guess: Tensor) -> None:
        truth = item["label"].numpy()
        image = np.ascontiguousarray(item["image"].numpy().transpose(1, 2, 0))
        if image.shape[:2] != truth.shape:
            image = cv2.resize(image, truth.shape[::-1])
            image = image if image.ndim == 3 else image[..., None]
        picture = comparison(image, truth, guess.numpy(), self.classes, self.palette)
        write_image(self.folder / f"{Path(item['path']).stem}.png", picture)
