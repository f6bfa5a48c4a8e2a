"""A loss for the Hausdorff distance, by distance maps (https://arxiv.org/abs/1904.10030)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segbox import IGNORE_INDEX
from segbox.models.layers import Resizing
from segbox.registry import LOSSES

from .banded import banded_map, banded_sum
from .boundary import distance_to
from .pixels import all_classes, mean_over_pixels
from .regions import checked_classes, chosen_classes, present_classes

SURE = 0.5  # the probability above which a pixel is predicted to belong to a class


@LOSSES.register
class HausdorffLoss(Resizing):
    """(p - t)² (a^alpha + b^alpha): the mean over pixels and classes, of probabilities p and targets t.

    a and b are distances in pixels to the border of a class, in the labels and in the prediction (where p > 0.5): an
    error far from a border costs most. They count from 1, on both sides, and are 0 if there is no border. Ignored
    pixels are not counted and have no borders. Distances are computed on the CPU, in a few ms per class and image; a
    GPU is waited for. The loss is unbounded: add it to a Dice or cross entropy loss, with a small `loss_weight`.
    `classes` as in BoundaryLoss.
    """

    name = "hausdorff"

    def __init__(
        self,
        num_classes: int,
        alpha: float = 2.0,
        classes: str | Sequence[int] = "present",
        ignore_index: int = IGNORE_INDEX,
    ) -> None:
        super().__init__()
        if alpha <= 0:
            raise ValueError(f"alpha={alpha}: expected a number above 0")
        self.alpha = alpha
        self.classes = checked_classes(classes, num_classes)
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        logits = all_classes(logits, self.num_classes)
        valid = labels != self.ignore_index
        guesses = banded_map(sure_classes, logits, labels, align_corners=self.align_corners)
        known = torch.stack([labels.to(guesses.dtype), guesses], dim=1).cpu()
        present = present_classes(known[:, 0], self.num_classes, self.ignore_index).any(dim=0, keepdim=True)
        ids = np.flatnonzero(chosen_classes(self.classes, present)[0].numpy())
        images = zip(logits, labels, valid, known.numpy(), strict=True)
        return mean_over_pixels(sum(self.sum_of_image(*image, ids) for image in images), valid.sum() * len(ids))

    def sum_of_image(
        self, logits: Tensor, labels: Tensor, valid: Tensor, known: np.ndarray, classes: np.ndarray
    ) -> Tensor:
        """One image at a time, so that only the distances of its classes are in memory. `known`, 2 H W: labels and
        prediction."""
        distances = np.zeros((1, len(classes), *labels.shape), np.float32)
        for own, c in zip(distances[0], classes, strict=True):
            own += sum(distances_to_border(each == c, known[0] != self.ignore_index) ** self.alpha for each in known)
        ids = torch.from_numpy(classes).to(labels.device)

        def terms(logits: Tensor, labels: Tensor, distances: Tensor, valid: Tensor) -> Tensor:
            p = logits.softmax(dim=1).index_select(1, ids)
            target = labels[:, None] == ids[:, None, None]
            return ((p - target.to(p.dtype)).square() * distances).where(valid[:, None], 0).sum()

        maps = labels[None], torch.from_numpy(distances).to(logits.device), valid[None]
        return banded_sum(terms, logits[None], *maps, align_corners=self.align_corners)


def sure_classes(logits: Tensor, labels: Tensor) -> Tensor:
    """B H W: the class whose probability is above a half; IGNORE_INDEX if there is none."""
    probability, ids = logits.softmax(dim=1).max(dim=1)
    return ids.where(probability > SURE, IGNORE_INDEX).to(logits.dtype)


def distances_to_border(inside: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """H W: to the nearest valid pixel on the other side of the border; zeros if there is no border."""
    inside, outside = inside & valid, ~inside & valid
    if not inside.any() or not outside.any():
        return np.zeros(inside.shape, np.float32)
    return np.where(inside, distance_to(outside), distance_to(inside))
