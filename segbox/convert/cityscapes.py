"""Cityscapes' annotations (https://www.cityscapes-dataset.com) to masks of the 19 classes, as its own scripts do."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Shape, Size, fill_polygon_and_outline, paint
from segbox.convert.plan import Item, Plan, WorkerPool, entry, find, need, read_json, size_in
from segbox.data.datasets.cityscapes import CLASSES, LABEL_IDS
from segbox.data.readers.files import read_label
from segbox.errors import DataError

EXPECTED = """\
  gtFine/{train,val,test}/CITY/NAME_gtFine_labelIds.png          or NAME_gtFine_polygons.json
  leftImg8bit/{train,val,test}/CITY/NAME_leftImg8bit.png         linked where DST is another folder"""
OTHERS = """
    unlabeled, ego vehicle, rectification border, out of roi, static, dynamic, ground, parking, rail track,
    guard rail, bridge, tunnel, polegroup, caravan, trailer
    """
NOT_DRAWN = "license plate"  # has the id -1: the object below it stays visible
LABELS, POLYGONS, RESULT = "_gtFine_labelIds.png", "_gtFine_polygons.json", "_gtFine_labelTrainIds.png"


def plan(source: Path, target: Path, pool: WorkerPool, polygons: bool = False) -> Plan:
    need(source, "gtFine", expected=EXPECTED)
    labels = {} if polygons else find(source / "gtFine", LABELS)
    found = find(source / "gtFine", POLYGONS) | labels
    if not found:
        need(source, f"gtFine/train/CITY/NAME{LABELS}", expected=EXPECTED)
    has_images = (source / "leftImg8bit").is_dir()
    items = [_item(path, name, source if has_images else None) for name, path in sorted(found.items())]
    settings = dict(format="cityscapes", polygons=polygons)
    return Plan(target, items, draw, "gtFine", settings, notes=[f"ids 0 to 18: {', '.join(CLASSES)}"])


def _item(path: Path, name: str, root: Path | None) -> Item:
    place = f"leftImg8bit/{name}_leftImg8bit.png"
    return Item(path, f"gtFine/{name}{RESULT}", root and root / place, place if root else "")


def draw(item: Item, size: Size | None) -> np.ndarray:
    if item.source.name.endswith(LABELS):
        return cv2.LUT(read_label(item.source), _id_table())
    record = read_json(item.source)
    size = size_in(record, "imgHeight", "imgWidth")
    return paint(np.full(size, IGNORE_INDEX, np.uint8), _shapes(item, entry(record, "objects", list), size))


def _shapes(item: Item, things: list, size: Size) -> Iterator[Shape]:
    values = _values()
    for thing in things:
        label = entry(thing, "label", str)
        if label not in values:
            label = label.removesuffix("group")  # "cargroup": cars that could not be told apart
        if label not in values:
            raise DataError(f"{item.source}: there is no label {label!r} in Cityscapes")
        if values[label] is not None and not thing.get("deleted"):
            yield Shape(values[label], (fill_polygon_and_outline(entry(thing, "polygon", list), size),))


def _id_table() -> np.ndarray:
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[list(LABEL_IDS)] = np.arange(len(CLASSES))
    return table


def _values() -> dict[str, int | None]:
    others = dict.fromkeys(" ".join(OTHERS.split()).split(", "), IGNORE_INDEX)
    return {name: i for i, name in enumerate(CLASSES)} | others | {NOT_DRAWN: None}
