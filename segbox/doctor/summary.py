"""The numbers of a data set: sizes, classes, channels."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.wrapper import unwrap
from segbox.doctor.examine import Mask, Scan


@dataclass
class Split:
    """The numbers of one split. Everything is counted as often as the data set shows it."""

    name: str
    images: int  # as many samples as the data set deals
    files: int  # as many pairs as there are
    sizes: Counter  # (height, width) -> images
    channels: Counter
    bits: Counter
    pixels: np.ndarray  # per class
    images_with: np.ndarray  # per class
    pixels_where_present: np.ndarray  # per class: labelled pixels of the images that hold it
    ignored: int
    mean: np.ndarray  # per channel
    std: np.ndarray
    largest: float = 0.0  # value in an image
    read_bits: int = 8  # per channel: what the data set says

    @property
    def labelled(self) -> int:
        return int(self.pixels.sum())


def numbers_of(name: str, scan: Scan, num_classes: int) -> Split:
    pixels, images_with, where_present = (np.zeros(num_classes, np.int64) for _ in range(3))
    sizes: Counter = Counter()
    channels: Counter = Counter()
    bits: Counter = Counter()
    ignored = 0
    for pair, times, table in zip(scan.pairs, scan.times, scan.tables):
        if not pair.image.error:
            sizes[pair.image.size] += times
        if pair.image.header is not None:
            channels[pair.image.header.channels] += times
            bits[pair.image.header.bits] += times
        counts = class_counts(pair.mask, table)
        ignored += times * int(counts[IGNORE_INDEX])
        counts = times * counts[:num_classes]
        pixels += counts
        images_with += times * (counts > 0)
        where_present += np.where(counts > 0, counts.sum(), 0)
    images, files = sum(scan.times), len(scan.pairs)
    mean, std = channel_statistics(scan)
    largest = max((pair.image.largest for pair in scan.pairs), default=0.0)
    read_bits = max((unwrap(scan.dataset, place)[0].bits for place in scan.places), default=8)
    counts = (pixels, images_with, where_present, ignored)
    return Split(name, images, files, sizes, channels, bits, *counts, mean, std, largest, read_bits)


def class_counts(mask: Mask, table: np.ndarray) -> np.ndarray:
    """Pixels by class, as training sees them: 256 numbers."""
    counts = np.zeros(256, np.int64)
    if mask.kind == "ids":
        for number, pixels in mask.ids.items():
            counts[table[number]] += pixels
    return counts


def channel_statistics(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Over all pixels of all images that could be read."""
    area, mean, square = 0.0, 0.0, 0.0
    for pair, times in zip(scan.pairs, scan.times):
        if not pair.image.error:
            weight = times * pair.image.size[0] * pair.image.size[1]
            area, mean, square = area + weight, mean + weight * pair.image.mean, square + weight * pair.image.square
    mean, square = np.atleast_1d(mean / max(area, 1)), np.atleast_1d(square / max(area, 1))
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """For people and configs: two decimals, and more where levels are parts of 1."""
    return tuple(np.round(values, 2 if values.max(initial=0) >= 1 else 6).tolist())
