"""CVAT (https://docs.cvat.ai/docs/other/xml_format), "CVAT for images 1.1": one XML file."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Region, Shape, Size, box_corners, decode_rle, ellipse, fill_polygon, paint
from segbox.convert.plan import (
    IGNORED,
    Item,
    Plan,
    WorkerPool,
    checked_size,
    folder_item,
    given_classes,
    image_folder,
    need,
    unlabelled_id,
    with_background,
    within,
)
from segbox.errors import DataError, did_you_mean

EXPECTED = """\
  annotations.xml           exported as "CVAT for images 1.1"
  images/NAME.jpg           or images/SUBSET/NAME.jpg, or NAME.jpg"""
KINDS = ("polygon", "box", "ellipse", "mask")
WITHOUT_AREA = ("polyline", "points", "skeleton", "cuboid")
Record = tuple[str, dict[str, str]]  # a shape: its kind, its attributes


def plan(
    source: Path,
    target: Path,
    pool: WorkerPool,
    classes: Sequence[str] | None = None,
    split: str | None = None,
    no_background: bool = False,
    skip: Sequence[str] = (),
    images: str | None = None,
) -> Plan:
    need(source, "annotations.xml", expected=EXPECTED)
    file = source / "annotations.xml"
    root = _read(file)
    labels = [element.text or "" for element in root.findall("meta//labels/label/name")]
    records = root.findall("image")
    if not records:
        raise DataError(f'{file}: holds no images (a video? export it as "CVAT for images 1.1")')
    names = given_classes(classes)
    if names is None:
        names = labels or sorted({shape.get("label", "") for image in records for shape in image if shape.tag in KINDS})
    names = with_background((name for name in names if name != IGNORED), no_background)
    folder = image_folder(source, images)
    items = [_item(file, folder, image, split) for image in records]
    settings = dict(format="cvat", classes=names, no_background=no_background, skip=sorted(skip))
    ids = {IGNORED: IGNORE_INDEX} | {name: i for i, name in enumerate(names)}
    function = partial(draw, ids, unlabelled_id(names, no_background), set(skip))
    return Plan(target, items, function, "annotations", settings, names)


def _read(file: Path) -> ElementTree.Element:
    data = file.read_bytes()
    is_utf8 = b"\0" not in data  # in other encodings the next line would not find entities
    if not is_utf8 or re.search(rb"<!\s*(DOCTYPE|ENTITY)", data) or b"<" not in data[:200]:  # entities can be huge
        raise DataError(f"{file}: is not what CVAT writes: UTF-8 without entities")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise DataError(f"{file}: is not an XML file, or it is damaged ({error})") from None


def _item(file: Path, root: Path, image: ElementTree.Element, split: str | None) -> Item:
    name, subset = image.get("name", ""), image.get("subset", "")
    try:
        size = checked_size(int(image.get("height", "")), int(image.get("width", "")))
        places = [within(root, f"{folder}{name}") for folder in ("images/", f"images/{subset}/", "")]
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    except ValueError:
        raise DataError(f"{file}: the image {name!r} has no width and height") from None
    path = next((place for place in places if place.is_file()), places[0])
    name = within(root, name).relative_to(root).with_suffix("").as_posix()
    content = [(shape.tag, dict(shape.attrib)) for shape in image]
    return folder_item(path, path, name, split, size=size, content=content)


def draw(ids: dict[str, int], unlabelled: int, skip: set[str], item: Item, size: Size) -> np.ndarray:
    """Shapes are drawn by z_order, and in the order of the file if that is equal."""
    wanted = [(number, record) for number, record in enumerate(item.content) if record[0] not in (*skip, "tag")]
    order = sorted((_explained(number, record, _z_order), number, record) for number, record in wanted)
    return paint(
        np.full(size, unlabelled, np.uint8),
        (_explained(number, record, partial(_draw, ids, size)) for _, number, record in order),
    )


def _explained(number: int, record: Record, work: Callable[[str, dict[str, str]], Any]) -> Any:
    """The result of `work`; its errors name the shape."""
    kind, values = record
    try:
        return work(kind, values)
    except (DataError, KeyError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"shape {number}, {kind} {values.get('label', '')!r}: {what}") from None


def _z_order(kind: str, values: dict[str, str]) -> int:
    return int(values.get("z_order", 0))


def _draw(ids: dict[str, int], size: Size, kind: str, values: dict[str, str]) -> Shape:
    label = values.get("label", "")
    if kind not in KINDS:
        raise DataError(f"has no area; --skip {kind} leaves such shapes out")
    if label not in ids:
        raise DataError(f"is none of {', '.join(ids)}.{did_you_mean(label, ids)}")
    return Shape(ids[label], (_region(kind, values, size),))


def _region(kind: str, values: dict[str, str], size: Size) -> Region:
    if kind == "polygon":
        corners = [tuple(map(float, pair.split(","))) for pair in values["points"].split(";")]
        if len(corners) < 3 or {len(corner) for corner in corners} != {2}:
            raise DataError(f"points={values['points'][:40]!r}: expected x,y;x,y;x,y and so on")
        return fill_polygon(corners, size)
    if kind == "mask":
        left, top, width, height = (int(values[name]) for name in ("left", "top", "width", "height"))
        if min(left, top) < 0 or min(width, height) < 1 or left + width > size[1] or top + height > size[0]:
            raise DataError("does not fit into the image")
        inside = decode_rle([int(word) for word in values["rle"].split(",")], (height, width), by_column=False)
        return Region(top, left, inside)
    degrees = float(values.get("rotation", 0))
    if kind == "ellipse":
        centre, radii = (tuple(float(values[name]) for name in pair) for pair in (("cx", "cy"), ("rx", "ry")))
        return ellipse(centre, radii, degrees, size)
    return fill_polygon(box_corners(*(float(values[name]) for name in ("xtl", "ytl", "xbr", "ybr")), degrees), size)
