"""Boundary loss (https://arxiv.org/abs/1812.07032)."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .banded import banded_sum
from .pixels import all_classes, mean_over_pixels
from .regions import checked_classes, chosen_classes


@LOSSES.register
class BoundaryLoss(Resizing):
    """Probabilities times the signed distance (in pixels) to the border of their class: the mean over pixels, classes.

    Distances inside a class are negative, so the loss can be negative too. Its gradient is weak far from a solution:
    add it to a Dice or cross entropy loss, with a small `loss_weight`. A class without a border in an image (absent, or
    covering all of it) is left out there. Ignored pixels are not counted and have no borders. Distances are computed on
    the CPU, in a few ms per class and image.
    `classes` as in DiceLoss: "present", "all" or ids; with two classes, "present" and "all" mean the object (1) alone.
    """

    name = "boundary"

    def __init__(
        self, num_classes: int, classes: str | Sequence[int] = "present", ignore_index: int = IGNORE_INDEX
    ) -> None:
        super().__init__()
        self.classes = checked_classes(classes, num_classes)
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)
        valid = labels != self.ignore_index
        ids = torch.arange(self.num_classes, device=labels.device)
        present = torch.isin(ids, labels[valid].long())
        chosen = chosen_classes(self.classes, present[None])[0]
        total = sum(self.sum_of_image(*image, chosen & present) for image in zip(logits, labels, valid, strict=True))
        return mean_over_pixels(total, valid.sum() * chosen.sum())

    def sum_of_image(self, logits: Tensor, labels: Tensor, valid: Tensor, wanted: Tensor) -> Tensor:
        """One image at a time, so that only the distances of its classes are in memory."""
        known = labels.cpu().numpy()
        found = {c: signed_distances(known, c, self.ignore_index) for c in wanted.nonzero()[:, 0].tolist()}
        maps = {c: distances for c, distances in found.items() if distances is not None}
        ids = list(maps)
        distances = torch.from_numpy(np.array(list(maps.values()), np.float32).reshape(1, -1, *known.shape))

        def terms(logits: Tensor, distances: Tensor, valid: Tensor) -> Tensor:
            p = logits.softmax(dim=1)[:, ids]
            return (p * distances).where(valid[:, None], 0).sum()

        maps = distances.to(logits.device), valid[None]
        return banded_sum(terms, logits[None], *maps, align_corners=self.align_corners)


def signed_distances(labels: np.ndarray, wanted: int, ignore_index: int) -> np.ndarray | None:
    """H W: to the nearest pixel of the class from outside; from inside, less than zero, to the last one before the
    border. None if there is no border."""
    inside = (labels == wanted) & (labels != ignore_index)
    outside = ~inside & (labels != ignore_index)
    if not inside.any() or not outside.any():
        return None
    return np.where(inside, 1 - distance_to(outside), distance_to(inside))


def distance_to(pixels: np.ndarray) -> np.ndarray:
    """H W: Euclidean, to the nearest of the pixels that are true."""
    return cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
