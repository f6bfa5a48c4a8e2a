"""Read every image and mask of a data set once, and keep what the checks need. Errors are kept, not raised."""

from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.folder import FolderDataset
from segbox.data.datasets.pairs import SAME_IDS, PairDataset
from segbox.data.datasets.wrapper import unwrap
from segbox.data.placement import Size
from segbox.data.places import read_bytes
from segbox.data.readers.files import OtherKind, orientation_of, read_image, read_label
from segbox.data.readers.headers import Header, read_header
from segbox.data.readers.opencv import decode_anything, quiet
from segbox.data.readers.orientation import UPRIGHT
from segbox.data.statistics import OnProgress, count_ids, in_processes
from segbox.errors import DataError

Colour = tuple[int, ...]


@dataclass(slots=True)
class ImageInfo:
    """What the checks need of an image, read as in training.

    `kind` is "sound", "other" (it has other channels or bits than the data set reads), or "unreadable".
    """

    kind: str = "sound"
    error: str = ""
    size: Size = (0, 0)
    header: Header | None = None
    content: bytes = b""  # a hash of the pixels
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))  # per channel
    square: np.ndarray = field(default_factory=lambda: np.zeros(0))  # per channel: mean of the squares
    largest: float = 0.0
    bits: int = 8  # per channel, as it was read


@dataclass(slots=True)
class MaskInfo:
    """What the checks need of a mask. `kind` is "ids", "colours" (RGB), "deep" (over 8 bits) or "unreadable"."""

    kind: str = "ids"
    error: str = ""
    size: Size = (0, 0)
    ids: dict[int, int] = field(default_factory=dict)  # id in the file -> number of pixels
    colours: dict[Colour, int] = field(default_factory=dict)  # RGB -> number of pixels
    content: bytes = b""
    orientation: int = UPRIGHT  # of the mask's own EXIF tag


@dataclass(slots=True)
class Pair:
    path: str
    label_path: str
    image: ImageInfo
    mask: MaskInfo
    exif: bool = True  # EXIF orientation is applied; False: pixels are read as stored


@dataclass(slots=True)
class Scan:
    """What was read of a split. Each pair of files is listed once, even if the data set repeats it."""

    dataset: SegDataset
    pairs: list[Pair]
    repeats: list[int]  # per pair: how often the data set contains it
    label_tables: list[np.ndarray]  # per pair: id in the file -> class
    indices: list[int]  # per pair: one index in the data set


def scan(dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None) -> Scan:
    """Read every image and every mask of a data set once."""
    first_index: dict[tuple[int, int], int] = {}
    repeats: dict[tuple[int, int], int] = {}
    label_tables = []
    for index in range(len(dataset)):
        inner, position = unwrap(dataset, index)
        key = (id(inner), position)
        repeats[key] = repeats.get(key, 0) + 1
        if key not in first_index:
            first_index[key] = index
            label_tables.append(inner.label_table if isinstance(inner, FolderDataset | PairDataset) else SAME_IDS)
    indices = list(first_index.values())
    with quiet():
        pairs = list(in_processes(partial(_examine, dataset, indices), len(indices), workers, on_progress))
    return Scan(dataset, pairs, list(repeats.values()), label_tables, indices)


def _examine(dataset: SegDataset, indices: list[int], position: int) -> Pair:
    inner, index = unwrap(dataset, indices[position])
    if isinstance(inner, FolderDataset | PairDataset):
        path, label_path = inner.files(index)
        image = examine_image(path, inner.channels, inner.bits, inner.exif)
        return Pair(str(path), str(label_path), image, examine_mask(label_path, inner.exif), inner.exif)
    try:
        sample = inner.load(index)
    except DataError as error:
        return Pair(f"{index}", "", ImageInfo("unreadable", str(error)), MaskInfo("unreadable", str(error)))
    image = sample["image"]
    picture = _measure(image, Header(image.shape[2], 8 * image.dtype.itemsize))
    return Pair(sample["path"], sample.get("label_path", ""), picture, _ids_of(sample["label"]))


def examine_image(path: Path, channels: int = 3, bits: int = 8, exif: bool = True) -> ImageInfo:
    try:
        image = read_image(path, channels, bits, exif)
        return _measure(image, read_header(path))
    except OtherKind as error:
        return ImageInfo("other", str(error), header=read_header(path))
    except DataError as error:
        return ImageInfo("unreadable", str(error))


def _measure(image: np.ndarray, header: Header | None) -> ImageInfo:
    if image.shape[2] <= 4:
        mean, deviation = (values.ravel() for values in cv2.meanStdDev(image))
    else:
        mean, deviation = (of(axis=(0, 1), dtype=np.float64) for of in (image.mean, image.std))
    square = deviation**2 + mean**2
    bits = 8 * image.dtype.itemsize
    return ImageInfo("sound", "", image.shape[:2], header, _hash(image), mean, square, float(image.max()), bits)


def examine_mask(path: Path, exif: bool = True) -> MaskInfo:
    try:
        mask = _ids_of(read_label(path, exif))
        mask.orientation = orientation_of(read_bytes(path))
        return mask
    except OtherKind as error:
        label = decode_anything(read_bytes(path))
        if label.ndim == 3 and label.shape[2] > 1:
            return MaskInfo("colours", str(error), label.shape[:2], colours=_colours(label))
        values, counts = np.unique(label, return_counts=True)
        return MaskInfo("deep", str(error), label.shape[:2], dict(zip(values.tolist(), counts.tolist())))
    except DataError as error:
        return MaskInfo("unreadable", str(error))


def _ids_of(label: np.ndarray) -> MaskInfo:
    counts = count_ids(label)
    ids = {int(i): int(counts[i]) for i in np.flatnonzero(counts)}
    return MaskInfo("ids", "", label.shape, ids, content=_hash(label))


def _colours(label: np.ndarray) -> dict[Colour, int]:
    """All colours as RGB, the most frequent first."""
    blue, green, red = (label[:, :, i].astype(np.int64) for i in range(3))
    found, counts = np.unique(red << 32 | green << 16 | blue, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {(int(c) >> 32, int(c) >> 16 & 0xFFFF, int(c) & 0xFFFF): int(n) for c, n in zip(found[order], counts[order])}


def _hash(pixels: np.ndarray) -> bytes:
    digest = blake2b(f"{pixels.shape}{pixels.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()
