"""`segbox bench data`: a training sample beside bare decoding of its two files, and a peer's pipeline."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from segbox.benchmark.measure import FLOOR, OURS, Case, Side, local
from segbox.benchmark.peer import shared
from segbox.benchmark.peers import Peer, sides_of
from segbox.data.datasets.folder import FolderDataset
from segbox.data.decoded import DecodedCache
from segbox.data.sample import collate

CLASSES = [str(k) for k in range(19)]
FORMATS = ("jpg", "png")
CACHE_LIMIT = 2**31  # bytes


def data_cases(
    peers: Sequence[Peer], size: tuple[int, int], crop: tuple[int, int], formats: Sequence[str] = FORMATS
) -> Iterator[Case]:
    """One image and mask of this size to tensors; scale, crop, flip and colours as in the recipes of Cityscapes."""
    for suffix in formats:
        with tempfile.TemporaryDirectory() as name, cv2_threads(1):
            yield data_case(peers, Path(name), suffix, size, crop)


def data_case(peers: Sequence[Peer], root: Path, suffix: str, size: tuple[int, int], crop: tuple[int, int]) -> Case:
    image, label = write_pair(root, suffix, size)
    files = {"image": str(image), "label": str(label), "scale": size, "crop": crop}
    others, notes = sides_of(peers, "data", files)
    ours = sample_side(OURS, root, crop, None)
    bare = local(FLOOR, lambda: decoded(image, label))
    cached = sample_side(f"{OURS}, cached", root, crop, DecodedCache(root / "cache", CACHE_LIMIT, "bench"))
    title = f"{suffix}, {size[0]} x {size[1]} to {crop[0]} x {crop[1]}; bare: decoding the two files"
    return Case(title, [ours, bare, cached, *others], notes)


def sample_side(name: str, root: Path, crop: tuple[int, int], cache: DecodedCache | None) -> Side:
    """A sample as a batch of one: peers make tensors too. Each side draws the same crops."""
    dataset, seeds = FolderDataset(str(root), classes=CLASSES, pipeline=pipeline(crop)), itertools.count()
    dataset.cache = cache  # filled when the numbers are compared, before the first run that is timed
    return local(name, lambda: collate([dataset[0, next(seeds)]]), lambda: loaded(dataset))


def pipeline(crop: tuple[int, int]) -> list[dict]:
    return [
        dict(type="RandomResize", ratio_range=(0.5, 2.0)),
        dict(type="RandomCrop", size=crop, cat_max_ratio=0.75),
        dict(type="RandomFlip"),
        dict(type="PhotoMetricDistortion"),
    ]


@contextmanager
def cv2_threads(count: int) -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def write_pair(root: Path, suffix: str, size: tuple[int, int], count: int = 1) -> tuple[Path, Path]:
    """Write `count` equal images and masks; returns the first of each."""
    paths = root / "images" / f"0.{suffix}", root / "annotations" / "0.png"
    for path, content in zip(paths, (photograph(*size), shared.class_ids(len(CLASSES), *size)), strict=True):
        path.parent.mkdir()
        cv2.imwrite(str(path), content)
        for number in range(1, count):
            (path.parent / f"{number}{path.suffix}").write_bytes(path.read_bytes())
    return paths


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth shades with a camera's noise: files as large as those of photographs, 0.5 MB of JPEG or 3 MB of PNG for
    2048 x 1024."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (-(-height // 32), -(-width // 32), 3), dtype=np.uint8)
    shades = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return (shades + rng.normal(0, 2, (height, width, 3))).clip(0, 255).astype(np.uint8)


def loaded(dataset: FolderDataset) -> np.ndarray:
    """The decoded image and mask: nothing of them is random."""
    sample = dataset.load(0)
    return np.dstack([sample["image"], sample["label"]])


def decoded(image: Path, label: Path) -> np.ndarray:
    """What OpenCV takes to read the files; compared with ours in the order of its channels."""
    return np.dstack([cv2.imread(str(image))[..., ::-1], cv2.imread(str(label), cv2.IMREAD_GRAYSCALE)])
