"""labelme (https://github.com/wkentaro/labelme): a JSON file beside each image."""

import base64
import binascii
import math
import os
import struct
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Region, Shape, Size, as_corners, circle, fill_polygon_and_outline, paint, thick_line
from segbox.convert.plan import (
    IGNORED,
    Item,
    Plan,
    WorkerPool,
    entry,
    find,
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
from segbox.data.readers.png import START as PNG_START
from segbox.errors import DataError, did_you_mean

BACKGROUND = "_background_"  # as labelme's own scripts call it


def plan(
    source: Path,
    target: Path,
    pool: WorkerPool,
    classes: Sequence[str] | None = None,
    split: str | None = None,
    no_background: bool = False,
    line_width: int | None = None,
    images: str | None = None,
) -> Plan:
    need(source, expected="a folder of labelme's JSON files, the images beside them")
    files = find(source, ".json")
    read = pool.map(partial(_read, Path(os.path.abspath(image_folder(source, images)))), list(files.values()))
    names = given_classes(classes)
    if names is None:
        found = {label for _, labels, _ in read for label in labels}
        names = sorted(found - {IGNORED, BACKGROUND, "background"})
    names = with_background((name for name in names if name not in (IGNORED, BACKGROUND)), no_background)
    items = [
        folder_item(path, image, name, split, size=size)
        for (name, path), (image, _, size) in zip(files.items(), read, strict=True)
    ]
    settings = dict(format="labelme", classes=names, no_background=no_background, line_width=line_width)
    draw = partial(draw_shapes, ids_of(names, no_background), unlabelled_id(names, no_background), line_width)
    return Plan(target, items, draw, "annotations", settings, names)


def ids_of(classes: Sequence[str], no_background: bool) -> dict[str, int]:
    ids = {IGNORED: IGNORE_INDEX} | {name: i for i, name in enumerate(classes)}
    return ids if no_background else {BACKGROUND: classes.index("background")} | ids


def _read(root: Path, path: Path) -> tuple[Path, set[str], Size]:
    """The image, the labels, and the size."""
    try:
        record = read_json(path)
        labels = {entry(shape, "label", str) for shape in entry(record, "shapes", list)}
        image = within(root, entry(record, "imagePath", str), path.parent.absolute())
        return image, labels, size_in(record, "imageHeight", "imageWidth")
    except DataError as error:
        raise DataError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None


def draw_shapes(ids: dict[str, int], unlabelled: int, line_width: int | None, item: Item, size: Size) -> np.ndarray:
    """Shapes are drawn in the order of the file, as labelme shows them."""
    shapes = entry(read_json(item.source), "shapes", list)
    drawn = (_shape(number, shape, ids, size, line_width) for number, shape in enumerate(shapes))
    return paint(np.full(size, unlabelled, np.uint8), drawn)


def _shape(number: int, shape: object, ids: dict[str, int], size: Size, line_width: int | None) -> Shape:
    label = entry(shape, "label", str)
    if label not in ids:
        raise DataError(f"the label {label!r} is none of {', '.join(ids)}.{did_you_mean(label, ids)}")
    try:
        return Shape(ids[label], _regions(shape, size, line_width))
    except DataError as error:
        raise DataError(f"shape {number} ({label!r}): {error}") from None


def _regions(shape: dict, size: Size, line_width: int | None) -> tuple[Region, ...]:
    kind = str(shape.get("shape_type") or "polygon")
    points = as_corners(entry(shape, "points", list), size)
    needed = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2}.get(kind, 1)
    if len(points) < needed:
        raise DataError(f"a {kind} of {len(points)} points; it needs {needed}")
    if kind == "polygon":
        return (fill_polygon_and_outline(points, size),)
    if kind == "rectangle":
        (left, top), (right, bottom) = points[:2]
        return (fill_polygon_and_outline([(left, top), (right, top), (right, bottom), (left, bottom)], size),)
    if kind == "circle":
        return (circle(points[0], math.dist(*points[:2]), size),)
    if kind == "mask":
        return (_mask(entry(shape, "mask", str), points, size),)
    if kind not in ("line", "linestrip", "point", "points"):
        raise DataError(f"is of the unsupported kind {kind!r}")
    if line_width is None:
        raise DataError(f"a {kind} has no area; --line-width 10 draws lines and points that wide")
    if kind in ("line", "linestrip"):
        return (thick_line(points, line_width, size),)
    return tuple(circle(point, line_width / 2, size) for point in points)


def _mask(text: str, points: np.ndarray, size: Size) -> Region:
    """A small PNG, placed at the first point."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise DataError("its mask is not in base64") from None
    left, top = np.round(points[0]).astype(int)
    width, height = struct.unpack(">II", data[16:24]) if data.startswith(PNG_START) and len(data) > 24 else (0, 0)
    is_inside = min(left, top, width - 1, height - 1) >= 0 and top + height <= size[0] and left + width <= size[1]
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if is_inside else None
    if mask is None:
        raise DataError("its mask is no PNG, or does not fit into the image")
    return Region(int(top), int(left), mask > 0)
