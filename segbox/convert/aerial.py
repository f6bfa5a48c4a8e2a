"""ISPRS Potsdam and Vaihingen: pictures too large to train on, cut to windows; masks in colours to ids.

Windows, splits, names and ids are those of MMSegmentation's converters, which the field's numbers are made with.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from segbox.convert.draw import Size
from segbox.convert.plan import Item, Plan, WorkerPool, find, need
from segbox.convert.rgb import recognise
from segbox.convert.run import Output, check_size
from segbox.data.readers.files import read_image

IDS = (  # 0: the borders of objects, black in the "eroded" masks
    (0, (0, 0, 0)),
    (1, (255, 255, 255)),
    (2, (0, 0, 255)),
    (3, (0, 255, 255)),
    (4, (0, 255, 0)),
    (5, (255, 255, 0)),
    (6, (255, 0, 0)),
)
CLASSES = ("border", "impervious surface", "building", "low vegetation", "tree", "car", "clutter")
NEAR = 8  # Potsdam 4_12 has (252, 255, 0) for a car
VAIHINGEN_TRAIN = "1 3 5 7 11 13 15 17 21 23 26 28 30 32 34 37"
VAIHINGEN_VAL = "2 4 6 8 10 12 14 16 20 22 24 27 29 31 33 35 38"
POTSDAM_TRAIN = (
    "2_10 2_11 2_12 3_10 3_11 3_12 4_10 4_11 4_12 5_10 5_11 5_12 6_7 6_8 6_9 6_10 6_11 6_12 7_7 7_8 7_9 7_10 7_11 7_12"
)
POTSDAM_VAL = "2_13 2_14 3_13 3_14 4_13 4_14 4_15 5_13 5_14 5_15 6_13 6_14 6_15 7_13"


def plan_potsdam(source: Path, target: Path, pool: WorkerPool, window: int = 512, stride: int = 512) -> Plan:
    splits = dict.fromkeys(POTSDAM_TRAIN.split(), "train") | dict.fromkeys(POTSDAM_VAL.split(), "val")
    image, label = r"top_potsdam_(\d+_\d+)_RGB", r"top_potsdam_(\d+_\d+)_label_noBoundary"
    return _plan("potsdam", source, target, window, stride, splits, image, label)


def plan_vaihingen(source: Path, target: Path, pool: WorkerPool, window: int = 512, stride: int = 512) -> Plan:
    splits = {f"area{i}": "train" for i in VAIHINGEN_TRAIN.split()} | {f"area{i}": "val" for i in VAIHINGEN_VAL.split()}
    image, label = r"top_mosaic_09cm_(area\d+)", r"top_mosaic_09cm_(area\d+)_noBoundary"
    return _plan("vaihingen", source, target, window, stride, splits, image, label)


def _plan(
    name: str, source: Path, target: Path, window: int, stride: int, splits: dict[str, str], image: str, label: str
) -> Plan:
    need(source, expected=f"  the unpacked TIFF files of {name}, in any folders")
    files = find(source, ".tif")
    images, labels = _matching(files, image), _matching(files, label)
    areas = [area for area in splits if area in images and area in labels]
    if not areas:
        need(source, f"{image.split('(')[0]}*.tif", expected=f"  {_readable(image)}.tif and\n  {_readable(label)}.tif")
    missing = [area for area in splits if area not in areas]
    notes = [f"without {len(missing)} of {len(splits)} pictures: {', '.join(missing)}"] if missing else []
    items = [Item(labels[area], image=images[area], content=f"{splits[area]}/{area}") for area in areas]
    settings = dict(format=name, window=window, stride=stride)
    convert = partial(cut, window, stride)
    return Plan(target, items, recognised, "ann_dir", settings, CLASSES, notes=notes, convert=convert)


def _matching(files: dict[str, Path], pattern: str) -> dict[str, Path]:
    """Area -> file."""
    matches = ((re.fullmatch(pattern, Path(name).name), path) for name, path in files.items())
    return {match[1]: path for match, path in matches if match}


def _readable(pattern: str) -> str:
    return re.sub(r"\(.*\)", "AREA", pattern)


def recognised(item: Item, size: Size) -> np.ndarray:
    return recognise(read_image(item.source), IDS, NEAR)


def cut(window: int, stride: int, item: Item, output: Output) -> None:
    """A mask and a picture for each window; the windows' corners are in the names."""
    picture = read_image(item.image)
    size = picture.shape[:2]
    mask = None
    for top, left, bottom, right in windows(size, window, stride):
        name = f"{item.content}_{left}_{top}_{right}_{bottom}.png"
        if not (output.root / f"img_dir/{name}").exists() or output.overwrite:
            output.write_image(f"img_dir/{name}", picture[top:bottom, left:right])
        if output.needs(f"ann_dir/{name}"):
            if mask is None:
                mask = recognised(item, size)
                check_size(item, "the image", size, "the mask", mask.shape)
            output.write_mask(f"ann_dir/{name}", mask[top:bottom, left:right])


def windows(size: Size, window: int, stride: int) -> Iterator[tuple[int, int, int, int]]:
    """Top, left, bottom, right. The last of a row or column ends where the picture ends."""
    for top in _starts(size[0], window, stride):
        for left in _starts(size[1], window, stride):
            yield top, left, min(top + window, size[0]), min(left + window, size[1])


def _starts(length: int, window: int, stride: int) -> list[int]:
    last = max(0, length - window)
    return sorted({*range(0, last, stride), last})
