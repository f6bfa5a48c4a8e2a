"""LoveDA (https://zenodo.org/record/5706578): its masks are ids already; country and city go into one folder."""

from pathlib import Path

import numpy as np

from segbox.convert.draw import Size
from segbox.convert.plan import Item, Plan, WorkerPool, find, need
from segbox.data.readers.files import read_label
from segbox.errors import DataError

EXPECTED = """\
  {Train,Val}/{Rural,Urban}/images_png/N.png
  {Train,Val}/{Rural,Urban}/masks_png/N.png"""
CLASSES = ("no data", "background", "building", "road", "water", "barren", "forest", "agricultural")


def plan(source: Path, target: Path, pool: WorkerPool) -> Plan:
    splits = [split for split in ("Train", "Val", "Test") if (source / split).is_dir()]
    need(source, *([] if splits else ["Train"]), expected=EXPECTED)
    items = []
    for split in splits:
        for place in ("Rural", "Urban"):
            folder = source / split / place
            need(folder, "images_png", *(["masks_png"] if split != "Test" else []), expected=EXPECTED)
            items += [_item(folder, path, split) for path in find(folder / "images_png", ".png").values()]
    return Plan(target, items, draw, "ann_dir", dict(format="loveda"), CLASSES)


def _item(folder: Path, image: Path, split: str) -> Item:
    """The split "Test" has no public masks."""
    place = f"{split.lower()}/{image.name}"
    mask = f"ann_dir/{place}" if split != "Test" else ""
    return Item(folder / "masks_png" / image.name if mask else image, mask, image, f"img_dir/{place}")


def draw(item: Item, size: Size) -> np.ndarray:
    mask = read_label(item.source)
    if mask.max() >= len(CLASSES):
        raise DataError(f"{item.source}: holds the id {mask.max()}; LoveDA's are 0 to {len(CLASSES) - 1}")
    return mask
