"""SBD (http://home.bharathh.info/pubs/codes/SBD): the masks that make VOC's 1464 training images 10582."""

from pathlib import Path

import numpy as np

from segbox.convert.draw import Size
from segbox.convert.matlab import read_array
from segbox.convert.plan import Item, Plan, WorkerPool, need
from segbox.data.datasets.pairs import read_names
from segbox.data.datasets.pascal_voc import CLASSES, LISTS
from segbox.errors import DataError

EXPECTED = """\
  cls/NAME.mat                      11355 files; also found in dataset/ and benchmark_RELEASE/dataset/
  train.txt, val.txt"""
EXPECTED_VOC = """\
  JPEGImages/NAME.jpg               VOCdevkit/VOC2012 is the target
  ImageSets/Segmentation/train.txt, val.txt"""
PLACES = ("", "dataset", "benchmark_RELEASE/dataset")
WHOLE = 10582


def plan(source: Path, target: Path, pool: WorkerPool) -> Plan:
    """SBD's train and val with VOC's train, less VOC's val. VOC's own images keep VOC's own masks."""
    source = next((source / place for place in PLACES if (source / place / "cls").is_dir()), source)
    need(source, "cls", "train.txt", "val.txt", expected=EXPECTED)
    need(target, "JPEGImages", f"{LISTS}/train.txt", f"{LISTS}/val.txt", expected=EXPECTED_VOC)
    train, val = (set(read_names(target / LISTS / f"{split}.txt")) for split in ("train", "val"))
    augmenting = set(read_names(source / "train.txt")) | set(read_names(source / "val.txt"))
    augmenting -= train | val
    names = sorted(augmenting | train)
    items = [
        Item(source / f"cls/{name}.mat", f"SegmentationClassAug/{name}.png", target / f"JPEGImages/{name}.jpg")
        for name in sorted(augmenting)
    ]
    notes = [f"{LISTS}/train_aug.txt lists {len(names)} images" + ("" if len(names) == WHOLE else f", not {WHOLE}")]
    texts = {f"{LISTS}/train_aug.txt": names}
    return Plan(target, items, draw, "SegmentationClassAug", dict(format="sbd"), texts=texts, notes=notes)


def draw(item: Item, size: Size) -> np.ndarray:
    mask = read_array(item.source, "GTcls", "Segmentation")
    if mask.ndim != 2 or mask.min() < 0 or mask.max() >= len(CLASSES):
        raise DataError(f"{item.source}: holds {mask.shape} numbers up to {mask.max()}, not a mask of VOC's classes")
    return mask.astype(np.uint8)
