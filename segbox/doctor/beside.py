"""What lies beside the data: a palette that gives classes their names and colours, and lists of names."""

from collections.abc import Sequence
from pathlib import Path

from segbox.convert.rgb import HIGHEST, Colour, learned, read_palette
from segbox.doctor.layout import CLASS_FILES
from segbox.errors import DataError

PALETTES = ("palette.txt", "class_dict.csv")  # what else they held would be a mistake
MAY_BE_PALETTES = ("label_colors.txt", "labelmap.txt", "labels.txt", "classes.txt")  # or something else
TO_BYTES = HIGHEST // 255


def find_palette(root: Path) -> Path | None:
    """The first file that gives names and colours to classes. DataError for a palette that cannot be read."""
    for path in (root / name for name in PALETTES):
        if path.is_file():
            read_palette([str(path)])
            return path
    return next((path for name in MAY_BE_PALETTES if _is_palette(path := root / name)), None)


def _is_palette(path: Path) -> bool:
    try:
        return path.is_file() and bool(read_palette([str(path)]))
    except DataError:
        return False


def find_colours(root: Path, classes: Sequence[str]) -> list[Colour] | None:
    """A colour of three bytes for each class, from the palette beside the data; None if it does not have them all."""
    path = find_palette(root)
    if path is None:
        return None
    colours: dict[str, Colour] = {}
    for name, colour in learned(read_palette([str(path)])):
        colours.setdefault(name, colour)
    is_deep = any(max(colour) > 255 for colour in colours.values())
    if not set(classes) <= colours.keys():
        return None
    scale = TO_BYTES if is_deep else 1
    return [tuple(part // scale for part in colours[name]) for name in classes]


def names_of_palette(root: Path) -> tuple[str, ...] | None:
    """The classes of a classes.txt or labels.txt whose lines have colours too."""
    path = next((path for name in CLASS_FILES if _is_palette(path := root / name)), None)
    if path is None:
        return None
    return tuple(dict.fromkeys(name for name, _ in learned(read_palette([str(path)]))))
