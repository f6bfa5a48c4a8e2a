"""Ultralytics' text files for segmentation: one polygon per line, as fractions of the image's width and height."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Shape, Size, fill_polygon_and_outline, largest_first, paint
from segbox.convert.plan import (
    Item,
    Plan,
    WorkerPool,
    find,
    find_images,
    folder_item,
    given_classes,
    need,
    with_background,
)
from segbox.convert.yolo_names import read_names
from segbox.data.datasets.pairs import read_text
from segbox.errors import DataError

EXPECTED = """\
  images/{train,val}/NAME.jpg       or images/NAME.jpg
  labels/{train,val}/NAME.txt       CLASS X1 Y1 X2 Y2 X3 Y3 ..., a polygon per line
  data.yaml                         with `names`, or --classes"""
ROUNDED = 0.01  # pixels lost by rounding to six digits; without it, pixel 5 of 24 (0.208333) would become 4
YAML_FILES = ("data.yaml", "dataset.yaml", "data.yml")


def plan(
    source: Path,
    target: Path,
    pool: WorkerPool,
    classes: Sequence[str] | None = None,
    no_background: bool = False,
) -> Plan:
    need(source, "images", "labels", expected=EXPECTED)
    names = given_classes(classes) or _names_in(source)
    images, labels = find_images(source / "images"), find(source / "labels", ".txt")
    alone = sorted(labels.keys() - images.keys())
    if alone:
        raise DataError(f"{len(alone)} files in {source / 'labels'} have no image ({', '.join(alone[:3])})")
    items = [folder_item(labels.get(name, path), path, name) for name, path in images.items()]
    shift = 0 if no_background or "background" in names else 1
    settings = dict(format="yolo", classes=with_background(names, no_background), no_background=no_background)
    empty = len(images.keys() - labels.keys())
    notes = [f"{empty} images have no text file: nothing is in them"] if empty else []
    function = partial(draw, len(names), shift, IGNORE_INDEX if no_background else 0)
    return Plan(target, items, function, "annotations", settings, settings["classes"], notes=notes)


def draw(num_classes: int, shift: int, unlabelled: int, item: Item, size: Size) -> np.ndarray:
    """Small objects over large ones, as Ultralytics does."""
    lines = read_text(item.source).splitlines() if item.source != item.image else ()
    shapes = largest_first(_shapes(item, lines, num_classes, shift, size))
    return paint(np.full(size, unlabelled, np.uint8), shapes)


def _shapes(item: Item, lines: Iterable[str], num_classes: int, shift: int, size: Size) -> Iterator[Shape]:
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            index, *numbers = int(float(words[0])), *map(float, words[1:])
        except (ValueError, OverflowError):
            raise DataError(f"{item.source}, line {number}: expected numbers, got {line[:40]!r}") from None
        if not 0 <= index < num_classes:
            raise DataError(f"{item.source}, line {number}: class {index}, but there are {num_classes} classes")
        if len(numbers) < 6 or len(numbers) % 2:
            what = "a box, not a polygon" if len(numbers) == 4 else f"{len(numbers)} numbers, not pairs of x and y"
            raise DataError(f"{item.source}, line {number}: is {what}")
        corners = np.array(numbers).reshape(-1, 2)
        if not ((corners >= -0.01) & (corners <= 1.01)).all():
            raise DataError(f"{item.source}, line {number}: x and y must be fractions of the image, 0 to 1")
        yield Shape(index + shift, (fill_polygon_and_outline(corners * size[::-1] + ROUNDED, size),))


def _names_in(source: Path) -> tuple[str, ...]:
    path = next((source / name for name in YAML_FILES if (source / name).is_file()), None)
    if path is None:
        raise DataError(f"no class names: give --classes, or {source / YAML_FILES[0]} with `names`")
    return read_names(path)
