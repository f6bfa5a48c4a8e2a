"""Statistics of a split: sizes, class frequencies, mean and std of the channels."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from segbox import IGNORE_INDEX
from segbox.data.datasets.wrapper import unwrap
from segbox.doctor.scan import MaskInfo, Scan


@dataclass
class SplitSummary:
    """Statistics of one split. An image that the data set repeats counts as often as it is repeated."""

    name: str
    images: int  # samples of the data set, repeats included
    files: int  # different pairs of image and mask
    sizes: Counter  # (height, width) -> images
    channels: Counter
    bits: Counter
    pixels: np.ndarray  # per class
    images_with: np.ndarray  # per class
    pixels_where_present: np.ndarray  # per class: labelled pixels of the images that contain it
    ignored: int
    mean: np.ndarray  # per channel
    std: np.ndarray
    largest: float = 0.0  # the largest value of an image
    read_bits: int = 8  # per channel, as the data set reads them

    @property
    def labelled(self) -> int:
        return int(self.pixels.sum())


def summarize_split(name: str, scan: Scan, num_classes: int) -> SplitSummary:
    pixels, images_with, where_present = (np.zeros(num_classes, np.int64) for _ in range(3))
    sizes: Counter = Counter()
    channels: Counter = Counter()
    bits: Counter = Counter()
    ignored = 0
    for pair, repeats, table in zip(scan.pairs, scan.repeats, scan.label_tables):
        if not pair.image.error:
            sizes[pair.image.size] += repeats
        if pair.image.header is not None:
            channels[pair.image.header.channels] += repeats
            bits[pair.image.header.bits] += repeats
        counts = class_counts(pair.mask, table)
        ignored += repeats * int(counts[IGNORE_INDEX])
        counts = repeats * counts[:num_classes]
        pixels += counts
        images_with += repeats * (counts > 0)
        where_present += np.where(counts > 0, counts.sum(), 0)
    images, files = sum(scan.repeats), len(scan.pairs)
    mean, std = channel_statistics(scan)
    largest = max((pair.image.largest for pair in scan.pairs), default=0.0)
    read_bits = max((unwrap(scan.dataset, index)[0].bits for index in scan.indices), default=8)
    counts = (pixels, images_with, where_present, ignored)
    return SplitSummary(name, images, files, sizes, channels, bits, *counts, mean, std, largest, read_bits)


def class_counts(mask: MaskInfo, table: np.ndarray) -> np.ndarray:
    """Number of pixels per class, after the label map: 256 numbers."""
    counts = np.zeros(256, np.int64)
    if mask.kind == "ids":
        for number, pixels in mask.ids.items():
            counts[table[number]] += pixels
    return counts


def channel_statistics(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Mean and std per channel, over all pixels of all readable images."""
    area, mean, square = 0.0, 0.0, 0.0
    for pair, repeats in zip(scan.pairs, scan.repeats):
        if not pair.image.error:
            weight = repeats * pair.image.size[0] * pair.image.size[1]
            area, mean, square = area + weight, mean + weight * pair.image.mean, square + weight * pair.image.square
    mean, square = np.atleast_1d(mean / max(area, 1)), np.atleast_1d(square / max(area, 1))
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def rounded(values: np.ndarray) -> tuple[float, ...]:
    """For messages and configs: two decimals, or six where all values are below 1."""
    return tuple(np.round(values, 2 if values.max(initial=0) >= 1 else 6).tolist())
