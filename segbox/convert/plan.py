"""The plan that a converter makes, an `Item` per image, and what converters share to make it."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Size
from segbox.data.datasets.pairs import IMAGE_SUFFIXES, list_files, read_lines
from segbox.data.statistics import OnProgress, in_processes
from segbox.errors import DataError, is_printable

Element = TypeVar("Element")
Result = TypeVar("Result")
MOST_PIXELS = 2**30  # that OpenCV reads
IGNORED = "__ignore__"  # the label of ignored pixels, as labelme's own scripts call it


@dataclass(frozen=True)
class Item:
    """An image and its mask. `mask` and `link` are paths in the target folder."""

    source: Path  # the annotation file; messages name it
    mask: str = ""  # empty: only the image is wanted
    image: Path | None = None  # the mask must have its size
    link: str = ""  # empty: the image is not linked
    size: Size | None = None  # the size of the image in the annotations
    content: Any = None  # for the converter's own use


@dataclass
class Plan:
    """`draw(item, size)` gives a mask, H W, or None to leave the image out."""

    root: Path
    items: Sequence[Item]
    draw: Callable[[Item, Size], np.ndarray | None]
    folder: str  # of the masks, in the target; existing ones must have been made with the same `settings`
    settings: dict[str, Any] = field(default_factory=dict)
    classes: Sequence[str] = ()
    texts: dict[str, Iterable[str]] = field(default_factory=dict)  # path in the target -> lines of a text file
    notes: list[str] = field(default_factory=list)
    way_out: str = "give another target folder, or --overwrite"  # if masks were made with other settings
    convert: Callable | None = None  # in place of `run.convert_pair`, which makes one mask for one image


@dataclass(frozen=True)
class WorkerPool:
    """Worker processes, and a callback for their progress."""

    workers: int = 0
    on_progress: OnProgress | None = None

    def map(self, function: Callable[[Element], Result], elements: Sequence[Element]) -> list[Result]:
        return list(in_processes(partial(_call, function, elements), len(elements), self.workers, self.on_progress))


def _call(function: Callable[[Element], Result], elements: Sequence[Element], index: int) -> Result:
    return function(elements[index])


# --- finding files in the source -------------------------------------------------------------------------------------


def need(source: Path, *parts: str, expected: str) -> None:
    """DataError unless each part is a file or a folder of the source."""
    missing = [source / part for part in ("", *parts) if not (source / part).exists()]
    if missing:
        raise DataError(f"there is no {missing[0].absolute()}. Expected:\n{expected}")


def find(folder: Path, *suffixes: str) -> dict[str, Path]:
    """Name without suffix -> path, at any depth, sorted."""
    return {name: folder / file for name, file in list_files(folder, suffixes).items()}


def find_images(folder: Path) -> dict[str, Path]:
    return find(folder, *IMAGE_SUFFIXES)


def within(root: Path, name: object, folder: Path | None = None) -> Path:
    """The path of a file name relative to `folder`. DataError if it lies outside of the root."""
    parts = PureWindowsPath(str(name))  # accepts both kinds of slashes
    place = folder or root
    path = Path(os.path.normpath(place.joinpath(*parts.parts))) if parts.parts and not parts.anchor else None
    is_inside = path is not None and Path(os.path.normpath(root)) in path.parents and "\0" not in str(name)
    if not isinstance(name, str) or not is_inside:
        raise DataError(f"the file name {str(name)[:80]!r} leads out of {root}; names must be relative and stay inside")
    if not all(map(is_printable, name)):
        raise DataError(f"the file name {name[:80]!r} holds characters that cannot be shown; rename the file")
    return path


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not a JSON file, or it is damaged ({error})") from None


def entry(record: object, name: str, kind: type | tuple[type, ...], what: str = "") -> Any:
    """`record[name]`. DataError if it is missing or of another type."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise DataError(f"{what + ': ' if what else ''}expected {name!r} to be {kinds}, it is {str(value)[:40]!r}")
    return value


def size_in(record: object, height: str = "height", width: str = "width", what: str = "") -> Size:
    return checked_size(entry(record, height, int, what), entry(record, width, int, what), what)


def checked_size(height: int, width: int, what: str = "") -> Size:
    """DataError unless an image can have this size."""
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        begin = what and f"{what}: "
        raise DataError(f"{begin}an image cannot be {str(width)[:20]} pixels wide and {str(height)[:20]} high")
    return height, width


# --- classes and paths in the target ---------------------------------------------------------------------------------


def given_classes(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names, or those in a file if it is the path of one."""
    if classes is not None and len(classes) == 1 and Path(classes[0]).is_file():
        classes = read_lines(Path(classes[0]))
    return None if classes is None else tuple(classes)


def with_background(names: Iterable[str], no_background: bool) -> tuple[str, ...]:
    """Class names in order of id. With `no_background`, pixels without a label are ignored."""
    names = tuple(names)
    if no_background or "background" in names:
        return names
    return ("background", *names)


def unlabelled_id(classes: Sequence[str], no_background: bool) -> int:
    """The id of pixels that no shape covers."""
    return IGNORE_INDEX if no_background else list(classes).index("background")


def image_folder(source: Path, images: str | None) -> Path:
    """The folder that --images names, in SRC or elsewhere; SRC without it."""
    if images is None:
        return source
    for folder in (source / images, Path(images).expanduser()):
        if folder.is_dir():
            return folder
    raise DataError(f"--images {images}: there is no such folder, neither in {source} nor elsewhere")


def folder_item(source: Path, image: Path, name: str, split: str | None = None, **more: Any) -> Item:
    """An item in the layout of `FolderDataset`."""
    name = f"{split}/{name}" if split else name
    return Item(source, f"annotations/{name}.png", image, f"images/{name}{image.suffix.lower()}", **more)
