"""How far from the labels' boundaries the wrong pixels are."""

from dataclasses import dataclass

import cv2
import numpy as np

from segbox import IGNORE_INDEX

LAST = (2, 5, 10)  # the largest distance of each band, in pixels; the last band has no end
BANDS = ("0-2", "3-5", "6-10", "> 10")


@dataclass
class Boundaries:
    """Pixels and wrong pixels by distance (rows) and true class (columns), summed over images."""

    pixels: np.ndarray
    wrong: np.ndarray
    images: int = 0

    @classmethod
    def of_classes(cls, number: int) -> "Boundaries":
        return cls(*(np.zeros((len(BANDS), number), np.int64) for _ in range(2)))

    def add(self, target: np.ndarray, prediction: np.ndarray) -> None:
        """Count one image: class ids H W. Ignored pixels do not count."""
        number = self.pixels.shape[1]
        known = target != IGNORE_INDEX
        cell = (bands(target) * number + target)[known]
        self.pixels += np.bincount(cell, minlength=self.pixels.size).reshape(self.pixels.shape)
        wrong = (target != prediction)[known]
        self.wrong += np.bincount(cell[wrong], minlength=self.wrong.size).reshape(self.wrong.shape)
        self.images += 1


def bands(target: np.ndarray) -> np.ndarray:
    """H W: the index of each pixel's band, by its distance to the nearest pixel that touches another class.

    An ignored pixel takes the class of the nearest one that is known: outlines are often ignored, and an outline
    between two classes is their boundary.
    """
    filled = without_ignored(target)
    touches = np.zeros(filled.shape, bool)
    down, right = filled[1:] != filled[:-1], filled[:, 1:] != filled[:, :-1]
    touches[1:] |= down
    touches[:-1] |= down
    touches[:, 1:] |= right
    touches[:, :-1] |= right
    if not touches.any():
        return np.full(filled.shape, len(LAST), np.int64)
    distance = cv2.distanceTransform((~touches).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.digitize(np.rint(distance), np.array(LAST) + 0.5)


def without_ignored(target: np.ndarray) -> np.ndarray:
    """The label map with each ignored pixel replaced by the nearest known one."""
    ignored = target == IGNORE_INDEX
    if not ignored.any() or ignored.all():
        return target
    _, nearest = cv2.distanceTransformWithLabels(
        ignored.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    classes = np.zeros(int(nearest.max()) + 1, target.dtype)
    classes[nearest[~ignored]] = target[~ignored]
    return classes[nearest]
