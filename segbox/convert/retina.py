"""DRIVE, STARE, CHASE_DB1 and HRF: the vessels of the retina, as published, sorted into training and validation.

Names and splits are those of MMSegmentation's converters, which the field's numbers are made with.
"""

import gzip
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segbox.convert.draw import Size
from segbox.convert.plan import Item, Plan, WorkerPool, need
from segbox.convert.run import Output, check_size
from segbox.data.datasets.pairs import IMAGE_SUFFIXES, first_few
from segbox.data.datasets.retina import CLASSES
from segbox.data.readers.files import read_image
from segbox.errors import DataError

WHITE = 128  # some masks hold grey values, too


@dataclass(frozen=True)
class Published:
    """Patterns of the file names of a data set, in any folders. The first group is the name of the image."""

    image: str
    mask: str
    suffix: str  # of our mask
    is_training: Callable[[int], bool]  # of the number in the name
    readable: str


DRIVE = Published(
    r"(\d+)_(?:training|test)\.tif",
    r"(\d+)_manual1\.gif",
    "_manual1.png",
    lambda number: number > 20,
    "  training/images/21_training.tif, training/1st_manual/21_manual1.gif, test/...",
)
STARE = Published(
    r"(im\d+)\.ppm(?:\.gz)?",
    r"(im\d+)\.ah\.ppm(?:\.gz)?",
    ".ah.png",
    lambda number: number <= 139,
    "  im0001.ppm.gz (of stare-images.tar) and im0001.ah.ppm.gz (of labels-ah.tar)",
)
CHASE_DB1 = Published(
    r"(Image_\d+[LR])\.jpg",
    r"(Image_\d+[LR])_1stHO\.png",
    "_1stHO.png",
    lambda number: number <= 10,
    "  Image_01L.jpg and Image_01L_1stHO.png",
)
HRF = Published(
    r"(\d+_(?:dr|g|h))\.jpg",
    r"(\d+_(?:dr|g|h))\.tif",
    ".png",
    lambda number: number <= 5,
    "  images/01_dr.jpg, 01_g.jpg, 01_h.jpg ... and manual1/01_dr.tif ...",
)


def plan(name: str, published: Published, source: Path, target: Path, pool: WorkerPool) -> Plan:
    need(source, expected=published.readable)
    images, masks = _matching(source, published.image), _matching(source, published.mask)
    items = [_item(published, name, images[name], masks[name]) for name in images if name in masks]
    if not items:
        raise DataError(f"{source.absolute()}: holds no images with masks. Expected in it:\n{published.readable}")
    alone = [name for name in images if name not in masks]
    notes = [f"left out, without a mask: {len(alone)} images ({first_few(alone)})"] if alone else []
    return Plan(target, items, draw, "annotations", dict(format=name), CLASSES, notes=notes, convert=convert)


plan_drive = partial(plan, "drive", DRIVE)
plan_stare = partial(plan, "stare", STARE)
plan_chase_db1 = partial(plan, "chase_db1", CHASE_DB1)
plan_hrf = partial(plan, "hrf", HRF)


def _matching(source: Path, pattern: str) -> dict[str, Path]:
    """Name of the picture -> file."""
    matches = ((re.fullmatch(pattern, path.name, re.IGNORECASE), path) for path in sorted(source.rglob("*")))
    return {match[1]: path for match, path in matches if match}


def _item(published: Published, name: str, image: Path, mask: Path) -> Item:
    split = "training" if published.is_training(int(re.search(r"\d+", name)[0])) else "validation"
    suffix = image.suffix.lower() if image.suffix.lower() in IMAGE_SUFFIXES else ".png"
    return Item(mask, f"annotations/{split}/{name}{published.suffix}", image, f"images/{split}/{name}{suffix}")


def convert(item: Item, output: Output) -> None:
    """Link images that data sets can read; write others as PNG files."""
    if output.needs(item.mask):
        size = read_picture(item.image).shape[:2]
        mask = draw(item, size)
        check_size(item, "the image", size, "the mask", mask.shape)
        output.write_mask(item.mask, mask)
    if item.image.suffix.lower() in IMAGE_SUFFIXES:
        output.link(item.link, item.image)
    elif output.overwrite or not (output.root / item.link).exists():
        output.write_image(item.link, read_picture(item.image))


def draw(item: Item, size: Size) -> np.ndarray:
    return (read_picture(item.source)[:, :, 1] >= WHITE).astype(np.uint8)


def read_picture(path: Path) -> np.ndarray:
    """H W 3; the file may be packed by gzip."""
    if path.suffix.lower() == ".gif" and not cv2.haveImageWriter(".gif"):
        raise DataError(f"{path}: OpenCV {cv2.__version__} reads no GIF files; pip install 'opencv-python>=4.11' does")
    if path.suffix.lower() != ".gz":
        return read_image(path)
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); copy or download it again") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise DataError(f"{path}: its content is not an image")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
