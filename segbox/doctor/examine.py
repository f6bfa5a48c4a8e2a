"""Everything worth knowing about one image and its mask, read once; an error is a finding like any other."""

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
from segbox.data.readers.files import OtherKind, orientation_of, read_image, read_label
from segbox.data.readers.headers import Header, read_header
from segbox.data.readers.opencv import decode_anything, quiet
from segbox.data.readers.orientation import UPRIGHT
from segbox.data.statistics import OnProgress, count_ids, in_processes
from segbox.errors import DataError

Colour = tuple[int, ...]


@dataclass(slots=True)
class Picture:
    """An image as training would see it.

    `kind` is sound, other (than the channels or bits that the data set reads), or unreadable.
    """

    kind: str = "sound"
    error: str = ""
    size: Size = (0, 0)
    header: Header | None = None
    content: bytes = b""  # a hash of the pixels
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))  # per channel
    square: np.ndarray = field(default_factory=lambda: np.zeros(0))  # mean of the squares
    largest: float = 0.0
    bits: int = 8  # per channel, as it was read


@dataclass(slots=True)
class Mask:
    """`kind` is ids, colours (an RGB file), deep (more than 8 bits) or unreadable."""

    kind: str = "ids"
    error: str = ""
    size: Size = (0, 0)
    ids: dict[int, int] = field(default_factory=dict)  # as they are in the file -> pixels
    colours: dict[Colour, int] = field(default_factory=dict)  # RGB -> pixels
    content: bytes = b""
    orientation: int = UPRIGHT  # of its own EXIF tag


@dataclass(slots=True)
class Pair:
    path: str
    label_path: str
    image: Picture
    mask: Mask
    exif: bool = True  # read as the EXIF tags say; False: as the pixels are stored


@dataclass(slots=True)
class Scan:
    """A split as it was found: each pair of files once, and how often the data set shows it."""

    dataset: SegDataset
    pairs: list[Pair]
    times: list[int]
    tables: list[np.ndarray]  # of each pair: id in the file -> class
    places: list[int]  # of each pair: an index in the data set


def scan(dataset: SegDataset, workers: int = 0, on_progress: OnProgress | None = None) -> Scan:
    """Read every image and every mask of a data set once."""
    places: dict[tuple[int, int], int] = {}
    times: dict[tuple[int, int], int] = {}
    tables = []
    for index in range(len(dataset)):
        inner, position = unwrap(dataset, index)
        key = (id(inner), position)
        times[key] = times.get(key, 0) + 1
        if key not in places:
            places[key] = index
            tables.append(inner.label_table if isinstance(inner, FolderDataset | PairDataset) else SAME_IDS)
    indices = list(places.values())
    with quiet():
        pairs = list(in_processes(partial(_examine, dataset, indices), len(indices), workers, on_progress))
    return Scan(dataset, pairs, list(times.values()), tables, indices)


def _examine(dataset: SegDataset, indices: list[int], position: int) -> Pair:
    inner, index = unwrap(dataset, indices[position])
    if isinstance(inner, FolderDataset | PairDataset):
        path, label_path = inner.files(index)
        image = examine_image(path, inner.channels, inner.bits, inner.exif)
        return Pair(str(path), str(label_path), image, examine_mask(label_path, inner.exif), inner.exif)
    try:
        sample = inner.load(index)
    except DataError as error:
        return Pair(f"{index}", "", Picture("unreadable", str(error)), Mask("unreadable", str(error)))
    image = sample["image"]
    picture = _measure(image, Header(image.shape[2], 8 * image.dtype.itemsize))
    return Pair(sample["path"], sample.get("label_path", ""), picture, _ids_of(sample["label"]))


def examine_image(path: Path, channels: int = 3, bits: int = 8, exif: bool = True) -> Picture:
    try:
        image = read_image(path, channels, bits, exif)
        return _measure(image, read_header(path))
    except OtherKind as error:
        return Picture("other", str(error), header=read_header(path))
    except DataError as error:
        return Picture("unreadable", str(error))


def _measure(image: np.ndarray, header: Header | None) -> Picture:
    if image.shape[2] <= 4:
        mean, deviation = (values.ravel() for values in cv2.meanStdDev(image))
    else:
        mean, deviation = (of(axis=(0, 1), dtype=np.float64) for of in (image.mean, image.std))
    square = deviation**2 + mean**2
    bits = 8 * image.dtype.itemsize
    return Picture("sound", "", image.shape[:2], header, _hash(image), mean, square, float(image.max()), bits)


def examine_mask(path: Path, exif: bool = True) -> Mask:
    try:
        mask = _ids_of(read_label(path, exif))
        mask.orientation = orientation_of(path.read_bytes())
        return mask
    except OtherKind as error:
        label = decode_anything(path.read_bytes())
        if label.ndim == 3 and label.shape[2] > 1:
            return Mask("colours", str(error), label.shape[:2], colours=_colours(label))
        values, counts = np.unique(label, return_counts=True)
        return Mask("deep", str(error), label.shape[:2], dict(zip(values.tolist(), counts.tolist())))
    except DataError as error:
        return Mask("unreadable", str(error))


def _ids_of(label: np.ndarray) -> Mask:
    counts = count_ids(label)
    return Mask("ids", "", label.shape, {int(i): int(counts[i]) for i in np.flatnonzero(counts)}, content=_hash(label))


def _colours(label: np.ndarray) -> dict[Colour, int]:
    """All colours, as RGB, the commonest first."""
    blue, green, red = (label[:, :, i].astype(np.int64) for i in range(3))
    found, counts = np.unique(red << 32 | green << 16 | blue, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {(int(c) >> 32, int(c) >> 16 & 0xFFFF, int(c) & 0xFFFF): int(n) for c, n in zip(found[order], counts[order])}


def _hash(pixels: np.ndarray) -> bytes:
    digest = blake2b(f"{pixels.shape}{pixels.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels))
    return digest.digest()
