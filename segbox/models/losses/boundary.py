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
from .regions import checked_classes, chosen_classes, present_classes


@LOSSES.register
class BoundaryLoss(Resizing):
    """Probabilities times the signed distance (in pixels) to the border of their class: the mean over pixels, classes.

    Distances inside a class are negative, so the loss can be negative too. Its gradient is weak far from a solution:
    add it to a Dice or cross entropy loss, with a small `loss_weight`. A class without a border in an image (absent, or
    covering all of it) is left out there. Ignored pixels are not counted and have no borders. Distances are computed on
    the CPU, in a few ms per class and image; a GPU is waited for.
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
        known = labels.cpu()
        present = present_classes(known, self.num_classes, self.ignore_index)
        chosen = chosen_classes(self.classes, present.any(dim=0, keepdim=True))[0]
        wanted = (present & chosen).numpy()
        total = sum(self.sum_of_image(*image) for image in zip(logits, known.numpy(), valid, wanted, strict=True))
        return mean_over_pixels(total, valid.sum() * np.count_nonzero(chosen.numpy()))

    def sum_of_image(self, logits: Tensor, known: np.ndarray, valid: Tensor, wanted: np.ndarray) -> Tensor:
        """One image at a time, so that only the distances of its classes are in memory."""
        found = {c: signed_distances(known, c, self.ignore_index) for c in np.flatnonzero(wanted)}
        maps = {c: distances for c, distances in found.items() if distances is not None}
        ids = torch.tensor(list(maps), dtype=torch.long, device=logits.device)
        distances = torch.from_numpy(np.array(list(maps.values()), np.float32).reshape(1, -1, *known.shape))

        def terms(logits: Tensor, distances: Tensor, valid: Tensor) -> Tensor:
            p = logits.softmax(dim=1).index_select(1, ids)
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
