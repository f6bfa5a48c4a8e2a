"""Pascal Context (https://cs.stanford.edu/~roozbeh/pascal-context): 59 of its classes, from either publication."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from segbox.convert.coco import regions_of
from segbox.convert.draw import Shape, Size, paint
from segbox.convert.matlab import read_array
from segbox.convert.plan import Item, Plan, WorkerPool, entry, find, need, read_json, size_in, within
from segbox.data.datasets.pairs import read_names
from segbox.data.datasets.pascal_context import LISTS
from segbox.errors import DataError

JSON = "trainval_merged.json"
MAIN = "ImageSets/Main"  # Pascal Context is VOC 2010, with its train and val
EXPECTED = f"""\
  {JSON}          https://codalabuser.blob.core.windows.net/public/trainval_merged.json
  or trainval/NAME.mat          the full labels of https://cs.stanford.edu/~roozbeh/pascal-context"""
# The classes' ids among the 459 of the full labels, in order of name as the classes are.
FILE_IDS = """
    2 9 18 19 22 23 25 31 33 34 44 45 46 59 65 68 72 80 85 98 104 105 113 115 144 158 159 162 187 189 207 220 232 258
    259 260 284 295 296 308 324 326 347 349 354 355 360 366 368 397 415 416 420 424 427 440 445 454 458
    """


def plan(source: Path, target: Path, pool: WorkerPool) -> Plan:
    """The target is VOCdevkit/VOC2010."""
    need(target, "JPEGImages", expected="  JPEGImages/NAME.jpg      VOCdevkit/VOC2010 is the target")
    is_json = source.is_file() or (source / JSON).is_file()
    if is_json:
        items, lists = _from_json(source if source.is_file() else source / JSON, target)
    else:
        items, lists = _from_mat(source, target)
    texts = {f"{LISTS}/{split}.txt": sorted(names) for split, names in lists.items()}
    notes = [f"{place} lists {len(names)} images" for place, names in texts.items()]
    settings = dict(format="pascal_context")
    draw = draw_runs if is_json else draw_labels
    return Plan(target, items, draw, "SegmentationClassContext", settings, texts=texts, notes=notes)


def _table() -> np.ndarray:
    """From file ids to 1 to 59; 0 is all else."""
    table = np.zeros(2**16, np.uint8)
    table[[int(word) for word in FILE_IDS.split()]] = np.arange(1, 60)
    return table


TABLE = _table()


def _item(source: Path, target: Path, name: str, **more: object) -> Item:
    return Item(source, f"SegmentationClassContext/{name}.png", target / f"JPEGImages/{name}.jpg", **more)


def _from_json(file: Path, target: Path) -> tuple[list[Item], dict[str, list[str]]]:
    record = read_json(file)
    shapes: dict[int, list[dict]] = {}
    for annotation in entry(record, "annos_segmentation", list, str(file)):
        shapes.setdefault(entry(annotation, "image_id", int, str(file)), []).append(annotation)
    items, lists = [], {"train": [], "val": []}
    for image in entry(record, "images", list, str(file)):
        phase = entry(image, "phase", str, str(file))
        if phase not in lists:
            continue
        name = within(target, entry(image, "file_name", str, str(file))).stem
        content = shapes.get(entry(image, "image_id", int, str(file)), [])
        items.append(
            _item(target / f"JPEGImages/{name}.jpg", target, name, size=size_in(image, what=str(file)), content=content)
        )
        lists[phase].append(name)
    return items, lists


def _from_mat(source: Path, target: Path) -> tuple[list[Item], dict[str, Iterable[str]]]:
    files = find(source / "trainval" if (source / "trainval").is_dir() else source, ".mat")
    if not files:
        need(source, JSON, expected=EXPECTED)
    need(target, f"{MAIN}/train.txt", f"{MAIN}/val.txt", expected=f"  {MAIN}/train.txt and val.txt of VOC 2010")
    lists = {split: set(read_names(target / MAIN / f"{split}.txt")) & files.keys() for split in ("train", "val")}
    return [_item(path, target, name) for name, path in files.items()], lists


def draw_runs(item: Item, size: Size) -> np.ndarray:
    """In the order of the file."""
    return paint(np.zeros(size, np.uint8), (_shape(annotation, size) for annotation in item.content))


def _shape(annotation: dict, size: Size) -> Shape:
    number = entry(annotation, "category_id", int)
    if not 0 <= number < len(TABLE):
        raise DataError(f"annotation {annotation.get('id')}: there is no category {number}")
    return Shape(int(TABLE[number]), regions_of(annotation.get("segmentation"), size))


def draw_labels(item: Item, size: Size) -> np.ndarray:
    return TABLE[read_array(item.source, "LabelMap").astype(np.uint16)]
