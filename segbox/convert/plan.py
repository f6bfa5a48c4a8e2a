"""What a converter hands over: one item per image, and how to make its mask."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

import numpy as np

from segbox.convert.draw import Size
from segbox.data.datasets.pairs import IMAGE_SUFFIXES, list_files, read_lines
from segbox.data.statistics import OnProgress, in_processes
from segbox.errors import DataError, is_printable

Element = TypeVar("Element")
Result = TypeVar("Result")
MOST_PIXELS = 2**30  # that OpenCV reads


@dataclass(frozen=True)
class Item:
    """An image and its mask. `mask` and `link` are places in the target."""

    source: Path  # what messages name
    mask: str = ""  # none: only the image is wanted
    image: Path | None = None  # of which the mask must have the size
    link: str = ""  # where the image goes, if it goes anywhere
    size: Size | None = None  # what the source says of the image
    content: Any = None  # the converter's own


@dataclass
class Plan:
    """`draw(item, size)` gives a mask, H W, or None to leave the image out."""

    root: Path
    items: Sequence[Item]
    draw: Callable[[Item, Size], np.ndarray | None]
    folder: str  # in the target; what it holds must have been made with the same `settings`
    settings: dict[str, Any] = field(default_factory=dict)
    classes: Sequence[str] = ()
    texts: dict[str, Iterable[str]] = field(default_factory=dict)  # files of lines: place in the target -> lines
    notes: list[str] = field(default_factory=list)
    convert: Callable | None = None  # other than one mask for one image; see `run`


@dataclass(frozen=True)
class Crew:
    """Several processes, and who is told how far they are."""

    workers: int = 0
    on_progress: OnProgress | None = None

    def map(self, function: Callable[[Element], Result], elements: Sequence[Element]) -> list[Result]:
        return list(in_processes(partial(_call, function, elements), len(elements), self.workers, self.on_progress))


def _call(function: Callable[[Element], Result], elements: Sequence[Element], index: int) -> Result:
    return function(elements[index])


# --- finding things in the source ------------------------------------------------------------------------------------


def need(source: Path, *parts: str, expected: str) -> None:
    """Each part is a file or a folder of the source."""
    missing = [source / part for part in ("", *parts) if not (source / part).exists()]
    if missing:
        raise DataError(f"there is no {missing[0].absolute()}. Expected:\n{expected}")


def find(folder: Path, *suffixes: str) -> dict[str, Path]:
    """Name without suffix -> path, at any depth, sorted."""
    return {name: folder / file for name, file in list_files(folder, suffixes).items()}


def find_images(folder: Path) -> dict[str, Path]:
    return find(folder, *IMAGE_SUFFIXES)


def within(root: Path, name: object, folder: Path | None = None) -> Path:
    """The file of this name, seen from `folder`; one outside of the root is refused."""
    parts = PureWindowsPath(str(name))  # takes slashes of both kinds
    place = folder or root
    path = Path(os.path.normpath(place.joinpath(*parts.parts))) if parts.parts and not parts.anchor else None
    is_inside = path is not None and Path(os.path.normpath(root)) in path.parents and "\0" not in str(name)
    if not isinstance(name, str) or not is_inside:
        raise DataError(f"the file name {str(name)[:80]!r} leads out of {root}; names must be relative and stay inside")
    if not all(map(is_printable, name)):
        raise DataError(f"the file name {name[:80]!r} holds characters that are no letters; rename the file")
    return path


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON file, or it is damaged ({error})") from None


def entry(record: object, name: str, kind: type | tuple[type, ...], what: str = "") -> Any:
    """`record[name]`, if it is there and of that kind."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise DataError(f"{what + ': ' if what else ''}expected {name!r} to be {kinds}, it is {str(value)[:40]!r}")
    return value


def size_in(record: object, height: str = "height", width: str = "width", what: str = "") -> Size:
    return checked_size(entry(record, height, int, what), entry(record, width, int, what), what)


def checked_size(height: int, width: int, what: str = "") -> Size:
    """One that a picture can have."""
    if min(height, width) < 1 or height * width > MOST_PIXELS:
        begin = what and f"{what}: "
        raise DataError(f"{begin}an image cannot be {str(width)[:20]} pixels wide and {str(height)[:20]} high")
    return height, width


# --- classes and places in the target --------------------------------------------------------------------------------


def given_classes(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names, or the names in a file."""
    if classes is not None and len(classes) == 1 and Path(classes[0]).is_file():
        classes = read_lines(Path(classes[0]))
    return None if classes is None else tuple(classes)


def with_background(names: Iterable[str], no_background: bool) -> tuple[str, ...]:
    """In order of id. Where everything is labelled there is no background: what is not is ignored."""
    names = tuple(names)
    if no_background or "background" in names:
        return names
    return ("background", *names)


def folder_item(source: Path, image: Path, name: str, split: str | None = None, **more: Any) -> Item:
    """In the layout of `FolderDataset`."""
    name = f"{split}/{name}" if split else name
    return Item(source, f"annotations/{name}.png", image, f"images/{name}{image.suffix.lower()}", **more)
