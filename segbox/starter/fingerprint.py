"""What matters of a data set for the choice of a recipe: sizes, classes and how thin they are, channels, bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segbox.data.placement import Size
from segbox.data.readers.files import read_label
from segbox.doctor.inspect_folder import Folder
from segbox.doctor.report import class_fractions
from segbox.doctor.scan import Pair, Scan
from segbox.doctor.summary import SplitSummary
from segbox.errors import DataError

VAL_SHARE = 0.2  # of the images, where the folder has no split
SAMPLED_MASKS = 24
SAMPLED_PIXELS = 24_000_000  # together: large masks are sampled less often
THIN = 4.0  # pixels
IMBALANCED = 10.0  # the most frequent class has so many times the pixels of the rarest
LARGE = 2_000_000  # pixels of an image from which evaluation uses sliding windows


@dataclass(frozen=True)
class Fingerprint:
    """`widths` are those of a class's connected regions, in pixels (0 if it was not in the sampled masks)."""

    train_images: int
    val_images: int
    median: Size  # height, width
    largest: Size
    has_one_size: bool
    classes: tuple[str, ...]
    fractions: tuple[float, ...]  # per class: its part of the labelled pixels
    widths: tuple[float, ...]
    channels: int
    bits: int

    @property
    def is_binary(self) -> bool:
        return len(self.classes) == 2

    @property
    def is_rgb(self) -> bool:
        return self.channels == 3 and self.bits == 8

    @property
    def is_large(self) -> bool:
        return self.largest[0] * self.largest[1] > LARGE

    @property
    def imbalance(self) -> float:
        """How many times more pixels the most frequent class has than the rarest that occurs."""
        present = [fraction for fraction in self.fractions if fraction > 0]
        return max(present) / min(present) if present else 1.0

    @property
    def is_imbalanced(self) -> bool:
        return self.imbalance > IMBALANCED

    @property
    def rarest(self) -> int:
        """The rarest class that occurs."""
        return min(range(len(self.classes)), key=lambda i: self.fractions[i] or np.inf)

    @property
    def thin(self) -> tuple[int, ...]:
        """The classes that are only a few pixels wide, the thinnest first."""
        return tuple(
            sorted((i for i, width in enumerate(self.widths) if 0 < width <= THIN), key=self.widths.__getitem__)
        )


def fingerprint(folder: Folder) -> Fingerprint:
    summaries, train = folder.report.splits, training_split(folder)
    has_split = "train" in summaries
    held_out = max(1, round(VAL_SHARE * train.images))
    sides = np.array(list(train.sizes.elements()) or [(0, 0)])
    return Fingerprint(
        train_images=train.images if has_split else train.images - held_out,
        val_images=summaries["val"].images if "val" in summaries else held_out,
        median=tuple(int(side) for side in np.median(sides, axis=0)),
        largest=max(train.sizes, key=lambda size: size[0] * size[1], default=(0, 0)),
        has_one_size=len(train.sizes) <= 1,
        classes=tuple(folder.classes),
        fractions=tuple(float(part) for part in class_fractions(train)),
        widths=class_widths(training_scan(folder), len(folder.classes)),
        channels=folder.channels,
        bits=folder.bits,
    )


def training_split(folder: Folder) -> SplitSummary:
    return folder.report.splits.get("train") or folder.report.splits["all"]


def training_scan(folder: Folder) -> Scan:
    return folder.report.scans.get("train") or folder.report.scans["all"]


def class_widths(scan: Scan, num_classes: int) -> tuple[float, ...]:
    """Per class, the width that half of its pixels are below, over a sample of the masks."""
    sound = [(pair, table) for pair, table in zip(scan.pairs, scan.label_tables) if pair.mask.kind == "ids"]
    widths: list[list[np.ndarray]] = [[] for _ in range(num_classes)]
    for pair, table in spread(sound):
        label = read_again(pair)
        if label is not None:
            for k, own in region_widths(table[label], num_classes):
                widths[k].append(own)
    return tuple(median_width(np.concatenate(own)) if own else 0.0 for own in widths)


def spread(sound: Sequence[tuple[Pair, np.ndarray]]) -> list[tuple[Pair, np.ndarray]]:
    """Masks evenly spread over the split, few if they are large."""
    pixels = max((pair.mask.size[0] * pair.mask.size[1] for pair, _ in sound), default=1)
    count = min(len(sound), max(2, min(SAMPLED_MASKS, SAMPLED_PIXELS // max(pixels, 1))))
    return [sound[int(i)] for i in np.linspace(0, len(sound) - 1, count)] if sound else []


def read_again(pair: Pair) -> np.ndarray | None:
    try:
        return read_label(Path(pair.label_path), pair.exif)
    except (DataError, OSError):  # of a data set without label files; the scan has told of others
        return None


def region_widths(label: np.ndarray, num_classes: int) -> list[tuple[int, np.ndarray]]:
    """For each class in a mask: a row (width, pixels) for each connected region.

    The distances to the border average w / 4 + 1/2 in a stripe of w pixels, whatever its length and turns.
    """
    found = []
    for k in np.flatnonzero(np.bincount(label.ravel(), minlength=256)[:num_classes]):
        own = (label == k).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(own)
        own = own[max(0, y - 1) : y + height + 1, max(0, x - 1) : x + width + 1]
        regions, numbers = cv2.connectedComponents(own, connectivity=8)
        distances = cv2.distanceTransform(own, cv2.DIST_L2, 5)
        pixels = np.bincount(numbers.ravel(), minlength=regions)[1:]
        sums = np.bincount(numbers.ravel(), weights=distances.ravel(), minlength=regions)[1:]
        found.append((int(k), np.stack([4 * sums / pixels - 2, pixels], axis=1)))
    return found


def median_width(rows: np.ndarray) -> float:
    """The median over pixels: single stray pixels do not make a class thin."""
    order = np.argsort(rows[:, 0], kind="stable")
    reached = np.cumsum(rows[order, 1])
    return float(rows[order[np.searchsorted(reached, reached[-1] / 2)], 0])
