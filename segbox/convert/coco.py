"""COCO (https://cocodataset.org) and data sets in its format: instances in one JSON file."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import (
    Region,
    Shape,
    Size,
    cropped,
    decode_rle,
    fill_polygon,
    largest_first,
    paint,
    parse_compressed_rle,
)
from segbox.convert.plan import (
    Item,
    Plan,
    WorkerPool,
    entry,
    folder_item,
    given_classes,
    image_folder,
    need,
    read_json,
    size_in,
    unlabelled_id,
    with_background,
    within,
)
from segbox.data.datasets.coco_voc import CLASSES as VOC
from segbox.data.datasets.coco_voc import COCO_NAMES
from segbox.errors import DataError, did_you_mean

EXPECTED = """\
  annotations/instances_{train,val}2017.json
  {train,val}2017/NAME.jpg                      or images/{train,val}2017/NAME.jpg"""
VOC_PIXELS = 1001  # fewest pixels of VOC's classes in an image of the VOC selection


def plan(
    source: Path,
    target: Path,
    pool: WorkerPool,
    classes: Sequence[str] = ("voc",),
    split: Sequence[str] | None = None,
    json: str | None = None,
    images: str | None = None,
    crowd: str = "ignore",
    min_pixels: int | None = None,
    no_background: bool = False,
) -> Plan:
    if images is not None and json is None:
        raise DataError("--images says where the images of a --json are; without --json they are found by their split")
    sources = _sources(source, split, json, images)
    records = {file: read_json(file) for file, _, _ in sources}
    is_voc = tuple(classes) == ("voc",)
    names, ids = _classes(records, classes, no_background)
    items = [
        item for file, folder, name in sources for item in _items(file, records[file], source, folder, name, set(ids))
    ]
    least = min_pixels if min_pixels is not None else VOC_PIXELS if is_voc else 0
    settings = dict(format="coco", classes=names, crowd=crowd, min_pixels=least, no_background=no_background)
    return Plan(
        target,
        items,
        partial(draw, ids, crowd, least, unlabelled_id(names, no_background)),
        "annotations",
        settings,
        names,
    )


def _sources(
    source: Path, splits: Sequence[str] | None, json: str | None, images: str | None
) -> list[tuple[Path, Path, str | None]]:
    """For each split: JSON file, folder of its images, name."""
    if json is not None:
        if splits is not None and len(splits) > 1:
            raise DataError(f"--json is one split, not {len(splits)}")
        folder = image_folder(source, images) if images is not None else (source / json).parent
        need(source, json, str(folder.absolute()), expected="the --json file, and the folder of its --images")
        return [(source / json, folder, splits[0] if splits else None)]
    found = sorted(path.stem.removeprefix("instances_") for path in (source / "annotations").glob("instances_*.json"))
    splits = splits or found or ["train2017"]
    result = []
    for split in splits:
        folders = [folder for folder in (source / split, source / "images" / split) if folder.is_dir()]
        need(source, f"annotations/instances_{split}.json", *(() if folders else [split]), expected=EXPECTED)
        result.append((source / "annotations" / f"instances_{split}.json", folders[0], split))
    return result


def _classes(
    records: dict[Path, Any], classes: Sequence[str], no_background: bool
) -> tuple[tuple[str, ...], dict[int, int]]:
    """Class names in order of id, and category id -> class id."""
    categories: dict[int, str] = {}
    for file, record in records.items():
        for category in entry(record, "categories", list, str(file)):
            name, number = entry(category, "name", str, str(file)), entry(category, "id", int, str(file))
            if categories.setdefault(number, name) != name:
                raise DataError(f"{file}: category {number} is {name!r}, elsewhere it is {categories[number]!r}")
    if tuple(classes) == ("voc",):
        if no_background:
            raise DataError("VOC's classes have a background")
        names = VOC
        ours = {number: COCO_NAMES.get(name, name) for number, name in categories.items()}
    else:
        wanted = [categories[i] for i in sorted(categories)] if tuple(classes) == ("all",) else given_classes(classes)
        names = with_background(dict.fromkeys(wanted), no_background)
        ours = categories
    missing = [name for name in names if name not in ours.values() and name != "background"]
    if missing and (names != VOC or len(missing) == len(VOC) - 1):  # a part of COCO may lack some
        raise DataError(f"no category is called {missing[0]!r}.{did_you_mean(missing[0], categories.values())}")
    return names, {number: names.index(name) for number, name in ours.items() if name in names}


def _items(file: Path, record: Any, source: Path, folder: Path, split: str | None, wanted: set[int]) -> Iterable[Item]:
    shapes: dict[int, list[dict]] = {}
    for annotation in entry(record, "annotations", list, str(file)):
        if entry(annotation, "category_id", int, str(file)) in wanted:
            shapes.setdefault(entry(annotation, "image_id", int, str(file)), []).append(annotation)
    for image in entry(record, "images", list, str(file)):
        path = within(folder, entry(image, "file_name", str, str(file)))
        name = path.relative_to(folder).with_suffix("").as_posix()
        number = entry(image, "id", int, str(file))
        yield folder_item(path, path, name, split, size=size_in(image, what=str(file)), content=shapes.get(number, []))


def draw(ids: dict[int, int], crowd: str, least: int, unlabelled: int, item: Item, size: Size) -> np.ndarray | None:
    """Small objects over large ones. Crowds, outlined roughly, lie below all of them."""
    crowds = [annotation for annotation in item.content if annotation.get("iscrowd") and crowd != "skip"]
    objects = [annotation for annotation in item.content if not annotation.get("iscrowd")]
    mask = np.full(size, unlabelled, np.uint8)
    for annotations, value in ((crowds, IGNORE_INDEX if crowd == "ignore" else None), (objects, None)):
        paint(mask, largest_first(_shape(annotation, ids, value, size) for annotation in annotations))
    foreground = np.count_nonzero((mask != unlabelled) & (mask != IGNORE_INDEX)) if least else 0
    return mask if foreground >= least else None


def _shape(annotation: dict, ids: dict[int, int], value: int | None, size: Size) -> Shape:
    try:
        regions = regions_of(annotation.get("segmentation"), size)
    except DataError as error:
        raise DataError(f"annotation {annotation.get('id')}: {error}") from None
    return Shape(ids[annotation["category_id"]] if value is None else value, regions)


def regions_of(segmentation: object, size: Size) -> tuple[Region, ...]:
    """Polygons, or RLE along the columns, compressed or not."""
    if isinstance(segmentation, list):
        return tuple(fill_polygon(polygon, size) for polygon in segmentation if not _has_no_area(polygon))
    counts = entry(segmentation, "counts", (list, str))
    if list(entry(segmentation, "size", list)) != list(size):
        raise DataError(f"RLE for an image of {segmentation['size']} (height, width), this one is {list(size)}")
    inside = decode_rle(parse_compressed_rle(counts) if isinstance(counts, str) else counts, size, by_column=True)
    return (cropped(inside),)


def _has_no_area(polygon: object) -> bool:
    return isinstance(polygon, list) and len(polygon) < 6
