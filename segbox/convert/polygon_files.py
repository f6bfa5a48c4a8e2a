"""Write class maps as polygons that annotators can correct; `segbox convert` reads them back.

COCO: one file, a polygon per region; a region with holes has run lengths, because COCO's polygons have no holes.
labelme and CVAT: polygons without holes, inner regions drawn over outer ones. labelme draws the outline too, so its
corners are the centres of the outermost pixels.
"""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Size, fill_polygon
from segbox.convert.outlines import area_of, outlines_of
from segbox.convert.plan import IGNORED, unlabelled_id
from segbox.convert.trace import Outline
from segbox.errors import DataError, is_printable
from segbox.outputs import new_text_file, write_errors_named, write_text

POLYGONS = ("coco", "labelme", "cvat")
COCO, CVAT, LABELME = "coco.json", "annotations.xml", "labelme"
CLASSES = f"{LABELME}/classes.txt"  # labelme's files do not hold them
Add = Callable[[Path, str, Path, np.ndarray], None]  # image, its name below all images' folder, output name, class map


def file_of_all(kind: str) -> str:
    """The file that a kind writes once, in the output folder."""
    return {"coco": COCO, "cvat": CVAT, "labelme": CLASSES}[kind]


def labelme_file(out: Path, name: Path) -> Path:
    return out / LABELME / f"{name}.json"


@contextmanager
def polygon_files(
    out: Path, kinds: Sequence[str], classes: Sequence[str], tolerance: float = 0.0, min_area: int = 0
) -> Iterator[Add]:
    """A function that adds a class map to the files. Those for all images get their names at the end."""
    ground = unlabelled_id(classes, no_background="background" not in classes)
    with ExitStack() as stack:
        writers: list[Callable[[Path, str, Path, Size, list[Outline]], None]] = []
        if "coco" in kinds:
            writers.append(stack.enter_context(_coco(out / COCO, classes, ground)))
        if "cvat" in kinds:
            writers.append(stack.enter_context(_cvat(out / CVAT, classes)))
        if "labelme" in kinds:
            write_text(out / CLASSES, "".join(f"{name}\n" for name in classes))
            writers.append(partial(_write_labelme, out, classes))

        def add(image: Path, shown: str, name: Path, label: np.ndarray) -> None:
            if not writers:
                return
            if not all(map(is_printable, shown)):
                raise DataError(f"{image}: its name cannot be shown, so the polygons cannot name it; rename the file")
            outlines = outlines_of(label, ground, tolerance, min_area)
            for write in writers:
                write(image, shown, name, label.shape, outlines)

        yield add


def name_of(value: int, classes: Sequence[str]) -> str:
    return IGNORED if value == IGNORE_INDEX else classes[value]


def drawing_order(outlines: Sequence[Outline]) -> list[Outline]:
    return sorted(outlines, key=lambda outline: outline.depth)


# --- labelme ---------------------------------------------------------------------------------------------------------


def _write_labelme(
    out: Path, classes: Sequence[str], image: Path, shown: str, name: Path, size: Size, outlines: list[Outline]
) -> None:
    file = labelme_file(out, name)
    shapes = [
        {
            "label": name_of(outline.value, classes),
            "points": (outline.outer.corners + outline.outer.inward).tolist(),
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for outline in drawing_order(outlines)
    ]
    record = {
        "version": "5.0.1",
        "flags": {},
        "shapes": shapes,
        "imagePath": _relative(image, file.parent),
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
    }
    write_text(file, json.dumps(record) + "\n")


def _relative(image: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(image, folder)).as_posix()
    except ValueError:  # on Windows
        raise DataError(
            f"{image}: lies on another drive than {folder}, and labelme's files name images from there"
        ) from None


# --- COCO ------------------------------------------------------------------------------------------------------------


@contextmanager
def _coco(path: Path, classes: Sequence[str], ground: int) -> Iterator[Callable]:
    """Annotations are written at once; only the names of the images are held until the end."""
    images: list[dict[str, Any]] = []
    with new_text_file(path) as file:
        categories = json.dumps([{"id": i, "name": name} for i, name in enumerate(classes, 1)])
        _write(file, path, f'{{"info": {{}}, "licenses": [], "categories": {categories},\n"annotations": [')
        number = 0

        def add(image: Path, shown: str, name: Path, size: Size, outlines: list[Outline]) -> None:
            nonlocal number
            images.append({"id": len(images) + 1, "file_name": shown, "height": size[0], "width": size[1]})
            for outline in outlines:
                if outline.value == ground:
                    continue
                number += 1
                record = {"id": number, "image_id": len(images)} | _annotation(outline, size)
                _write(file, path, f"{',' * (number > 1)}\n{json.dumps(record)}")

        yield add
        _write(file, path, f'\n],\n"images": {json.dumps(images)}}}\n')


def _annotation(outline: Outline, size: Size) -> dict[str, Any]:
    """Ignored pixels are a crowd, which trainings and scores leave out."""
    is_ignored = outline.value == IGNORE_INDEX
    (left, top), (right, bottom) = outline.outer.corners.min(axis=0), outline.outer.corners.max(axis=0)
    needs_runs = is_ignored or outline.holes
    polygon = outline.outer.corners.ravel().tolist()
    return {
        "category_id": 1 if is_ignored else outline.value + 1,
        "iscrowd": int(is_ignored),
        "area": area_of(outline.outer) - sum(map(area_of, outline.holes)),
        "bbox": [int(value) for value in (left, top, right - left, bottom - top)],
        "segmentation": _runs(outline, size) if needs_runs else [polygon],
    }


def _runs(outline: Outline, size: Size) -> dict[str, Any]:
    """The lengths of runs outside and inside, in turn, along the columns."""
    inside = np.zeros(size, bool)
    for loop in (outline.outer, *outline.holes):
        region = fill_polygon(loop.corners, size)
        height, width = region.inside.shape
        inside[region.top : region.top + height, region.left : region.left + width] ^= region.inside
    pixels = inside.T.ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    counts = np.diff([0, *changes, pixels.size]).tolist()
    return {"size": list(size), "counts": [0, *counts] if pixels[0] else counts}


# --- CVAT ------------------------------------------------------------------------------------------------------------


@contextmanager
def _cvat(path: Path, classes: Sequence[str]) -> Iterator[Callable]:
    labels = "".join(f"<label><name>{_escaped(name)}</name></label>" for name in classes)
    number = 0
    with new_text_file(path) as file:
        _write(
            file,
            path,
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
            f"<meta><task><labels>{labels}</labels></task></meta>\n",
        )

        def add(image: Path, shown: str, name: Path, size: Size, outlines: list[Outline]) -> None:
            nonlocal number
            lines = [f'<image id="{number}" name={quoteattr(shown)} width="{size[1]}" height="{size[0]}">']
            for outline in drawing_order(outlines):
                points = ";".join(f"{x},{y}" for x, y in outline.outer.corners.tolist())
                label = quoteattr(name_of(outline.value, classes))
                lines.append(
                    f'<polygon label={label} source="auto" occluded="0" points="{points}" z_order="{outline.depth}"/>'
                )
            _write(file, path, "\n".join([*lines, "</image>\n"]))
            number += 1

        yield add
        _write(file, path, "</annotations>\n")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _write(file: TextIO, path: Path, text: str) -> None:
    with write_errors_named(path):
        file.write(text)


# --- the way back ----------------------------------------------------------------------------------------------------


def commands_back(out: Path, kinds: Sequence[str], images: Path, classes: Sequence[str]) -> list[str]:
    """The command lines that make masks of the corrected files. `images` is the folder of all images."""
    more = {
        "coco": ["coco", out, "NEW_FOLDER", "--json", COCO, "--images", images, "--classes", "all"],
        "labelme": ["labelme", out / LABELME, "NEW_FOLDER", "--images", images, "--classes", out / CLASSES],
        "cvat": ["cvat", out, "NEW_FOLDER", "--images", images],
    }
    flag = [] if "background" in classes else ["--no-background"]
    return [shlex.join(map(str, ["segbox", "convert", *more[kind], *flag])) for kind in POLYGONS if kind in kinds]
