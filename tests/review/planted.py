"""Errors in labels at known places: objects of another class, objects that are deleted, objects that are not there."""

from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.shapes import write_folder
from tests.faulty_data import write_image

WRONG, DELETED, ADDED = "wrong", "deleted", "added"
KINDS = (WRONG, DELETED, ADDED)
SMALLEST = 60  # pixels of an object that is changed


def objects(label: np.ndarray, num_classes: int) -> list[np.ndarray]:
    """Masks of the connected parts of all classes but the first."""
    found = []
    for own in range(1, num_classes):
        count, parts, boxes, _ = cv2.connectedComponentsWithStats((label == own).astype(np.uint8), connectivity=4)
        found += [parts == number for number in range(1, count) if boxes[number][4] >= SMALLEST]
    return found


def plant(label: np.ndarray, kind: str, num_classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A copy of the label with one error, and the mask of its pixels; the mask is empty if there is no room for it."""
    label = label.copy()
    there = objects(label, num_classes)
    if kind == ADDED:
        radius = round(0.14 * label.shape[0])
        room = cv2.erode((label == 0).astype(np.uint8), np.ones((2 * radius + 3,) * 2, np.uint8), borderValue=0)
        places = np.argwhere(room)
        mask = np.zeros(label.shape, np.uint8)
        if len(places):
            y, x = places[rng.integers(len(places))]
            cv2.circle(mask, (int(x), int(y)), radius, 1, -1)
        mask = mask > 0
        label[mask] = rng.integers(1, num_classes)
        return label, mask
    if not there:
        return label, np.zeros(label.shape, bool)
    mask = there[rng.integers(len(there))]
    own = int(label[mask][0])
    if kind == DELETED:  # with its outline
        mask = (cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & (mask | (label == IGNORE_INDEX))
    label[mask] = 0 if kind == DELETED else (own - 1 + rng.integers(1, num_classes - 1)) % (num_classes - 1) + 1
    return label, mask


def write_planted(dataset: SegDataset, root: Path, split: str, share: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Write the data set as a folder, with an error in this share of its labels. Returns the masks of the errors by
    the name of the image."""
    write_folder(dataset, root, split)
    rng = np.random.default_rng(seed)
    count = round(share * len(dataset))
    errors = {}
    for number, index in enumerate(rng.permutation(len(dataset))[:count].tolist()):
        label = dataset.load(index)["label"]
        label, mask = plant(label, KINDS[number % len(KINDS)], len(dataset.classes), rng)
        if mask.any():
            write_image(root / "annotations" / split / f"{index:05d}.png", label)
            errors[f"{index:05d}.png"] = mask
    return errors
