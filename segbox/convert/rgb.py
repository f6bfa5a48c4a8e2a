"""Masks in colours, one or more per class."""

import csv
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from segbox import IGNORE_INDEX
from segbox.convert.draw import Size
from segbox.convert.plan import Item, Plan, WorkerPool, find_images, folder_item, need
from segbox.data.datasets.pairs import match_names, read_lines
from segbox.data.readers.files import read_image
from segbox.data.readers.headers import read_header
from segbox.errors import DataError

Colour = tuple[int, int, int]

EXPECTED = """\
  images/**/NAME.jpg        or --images
  masks/**/NAME.png         or annotations, labels, or --masks: pictures in the colours of the classes"""
MASK_FOLDERS = ("masks", "annotations", "labels")
IGNORED = ("ignore", "void", "unlabelled", "unlabeled")
UNKNOWN = 254  # in tables: no class has this colour
MOST = 64  # colours that masks may hold where no palette is given
HIGHEST = 2**16 - 1  # value of a channel
TO_16_BITS = 257  # 255 becomes 65535, as image programs do it
FAR = 3 * HIGHEST**2
FOUND = "the colours were found, not given: name them in"
COLUMNS = (("name", "class", "label"), ("r", "red"), ("g", "green"), ("b", "blue"))  # of a CSV file
COLOUR = r"(?P<red>\d+)[,\s]+(?P<green>\d+)[,\s]+(?P<blue>\d+)"


def plan(
    source: Path,
    target: Path,
    pool: WorkerPool,
    palette: Sequence[str] | None = None,
    ignore: Sequence[str] = IGNORED,
    nearest: float | None = None,
    images: str = "images",
    masks: str | None = None,
    mask_suffix: str = "",
) -> Plan:
    folder = masks or next((name for name in MASK_FOLDERS if (source / name).is_dir()), MASK_FOLDERS[0])
    need(source, images, folder, expected=EXPECTED)
    pictures = find_images(source / images)
    found = find_images(source / folder)
    coloured = {name.removesuffix(mask_suffix): path for name, path in found.items() if name.endswith(mask_suffix)}
    pairs = match_names(pictures, coloured, None, source / images, f"in {source / folder}")
    items = [
        folder_item(mask, image, image.relative_to(source / images).with_suffix("").as_posix()) for image, mask in pairs
    ]
    return plan_items(target, items, pool, palette, ignore, nearest)


def plan_items(
    target: Path,
    items: Sequence[Item],
    pool: WorkerPool,
    palette: Sequence[str] | None = None,
    ignore: Sequence[str] = IGNORED,
    nearest: float | None = None,
) -> Plan:
    """The plan for items whose sources are the coloured masks."""
    colours = read_palette(palette) if palette else _colours_of([item.source for item in items], pool)
    classes = tuple(dict.fromkeys(name for name, _ in learned(colours, ignore)))
    ids = [(classes.index(name) if name in classes else IGNORE_INDEX, colour) for name, colour in colours]
    settings = dict(format="rgb", palette=[[name, *colour] for name, colour in colours], nearest=nearest)
    lines = [f"{name}:{','.join(map(str, colour))}" for name, colour in colours]
    return Plan(
        target,
        items,
        partial(draw, tuple(ids), nearest),
        "annotations",
        settings,
        classes,
        texts={"palette.txt": lines},
        notes=[] if palette else [f"{FOUND} {target / 'palette.txt'}, then --palette THAT_FILE --overwrite"],
    )


def learned(colours: Iterable[tuple[str, Colour]], ignore: Sequence[str] = IGNORED) -> list[tuple[str, Colour]]:
    """Without the names that mean no class, in upper or lower case."""
    names = {name.casefold() for name in ignore}
    return [(name, colour) for name, colour in colours if name.casefold() not in names]


def read_palette(entries: Sequence[str]) -> list[tuple[str, Colour]]:
    """ "name:r,g,b", "r g b name" as CamVid's, or one file of such lines (CVAT's labelmap.txt), or class_dict.csv."""
    path = Path(entries[0]) if len(entries) == 1 and Path(entries[0]).is_file() else None
    if path is not None:
        entries = [line for line in read_lines(path) if not line.startswith("#")]
        entries = _rows(path, entries) if path.suffix.lower() == ".csv" else entries
    where = "" if path is None else f"{path}: "
    colours = []
    for text in entries:
        match = re.fullmatch(rf"(?P<name>.+?)\s*:\s*{COLOUR}\s*(:.*)?", text)
        match = match or re.fullmatch(rf"{COLOUR}[,\s]+(?P<name>\S.*)", text)
        colour = tuple(int(match[part]) for part in ("red", "green", "blue")) if match else ()
        if not colour or max(colour) > HIGHEST:
            raise DataError(
                f"{where}the palette says {text!r}; expected name:red,green,blue with numbers up to 255, or"
                f" up to {HIGHEST} for masks of 16 bits"
            )
        colours.append((match["name"].strip(), colour))
    if len({colour for _, colour in colours}) < len(colours):
        raise DataError(f"{where}the palette gives a colour to two classes")
    if len(dict(colours)) > UNKNOWN:
        raise DataError(f"{where}the palette names {len(dict(colours))} classes; a mask can hold {UNKNOWN}")
    return colours


def _rows(path: Path, lines: Sequence[str]) -> list[str]:
    """The lines name:r,g,b of a CSV file with a column each."""
    head, *rows = list(csv.reader(lines)) or [[]]
    titles = [title.strip().lower() for title in head]
    places = [next((i for i, title in enumerate(titles) if title in known), None) for known in COLUMNS]
    if None in places or any(len(row) <= max(places) for row in rows):
        raise DataError(f"{path}: expected the columns name,r,g,b in the first line, and a class in each other line")
    return ["{}:{},{},{}".format(*(row[i].strip() for i in places)) for row in rows]


def _colours_of(masks: Sequence[Path], pool: WorkerPool) -> list[tuple[str, Colour]]:
    """All colours in the masks, dark ones first."""
    found: set[Colour] = set()
    for path, colours in zip(masks, pool.map(count_colours, masks), strict=True):
        found.update(colours)
        if len(found) > MOST:
            raise DataError(
                f"{path}: with this one the masks hold {len(found)} colours, {described(colours)}; give --palette, and"
                " --nearest if they were saved as JPEG or resized with smoothing"
            )
    digits = 2 if max(map(max, found), default=0) < 256 else 4  # of each of the three
    return [("colour_" + "".join(f"{part:0{digits}x}" for part in colour), colour) for colour in sorted(found)]


def count_colours(path: Path) -> dict[Colour, int]:
    picture = read_picture(path)
    packed, counts = np.unique(pack(picture), return_counts=True)
    return dict(zip(map(tuple, unpack(packed, picture.itemsize).tolist()), counts.tolist()))


def read_picture(path: Path) -> np.ndarray:
    """H W 3, with 16 bits where the file has them: the colours exactly as they are stored."""
    header = read_header(path)
    return read_image(path, 3, 16 if header is not None and header.depth == 16 else 8)


def described(colours: dict[Colour, int]) -> str:
    """A few colours, the most frequent first."""
    few = sorted(colours, key=lambda colour: -colours[colour])[:5]
    return ", ".join(f"{colour} in {colours[colour]} pixels" for colour in few) + (", ..." if len(colours) > 5 else "")


def draw(ids: tuple[tuple[int, Colour], ...], nearest: float | None, item: Item, size: Size) -> np.ndarray:
    picture = read_picture(item.source)
    if picture.itemsize == 2 and picture.max() >= 256 > max(max(colour) for _, colour in ids):  # a palette of 8 bits
        ids = tuple((value, tuple(TO_16_BITS * part for part in colour)) for value, colour in ids)
        nearest = nearest and TO_16_BITS * nearest
    return recognise(picture, ids, nearest)


def recognise(picture: np.ndarray, ids: tuple[tuple[int, Colour], ...], nearest: float | None) -> np.ndarray:
    """Colours, H W 3, to ids. `nearest`: the largest distance to a colour of the palette."""
    packed = pack(picture)
    mask = _table(ids)[packed] if picture.itemsize == 1 else _found(packed, ids)
    is_strange = mask == UNKNOWN
    if not is_strange.any():
        return mask
    strange, places, counts = np.unique(packed[is_strange], return_inverse=True, return_counts=True)
    colours = unpack(strange, picture.itemsize)
    best, distance = np.zeros(len(strange), np.uint8), np.full(len(strange), FAR + 1)
    for value, colour in ids:
        this = ((colours - np.array(colour)) ** 2).sum(axis=1)
        best, distance = np.where(this < distance, value, best), np.minimum(this, distance)
    far = distance > (nearest or 0) ** 2
    if far.any():
        named = {tuple(map(int, c)): int(n) for c, n in zip(colours[far], counts[far])}
        way_out = f"none lies within {nearest}" if nearest else "--nearest takes the colour that lies closest"
        raise DataError(f"{len(named)} colours are not in the palette: {described(named)}; {way_out}")
    mask[is_strange] = best[places]
    return mask


def pack(picture: np.ndarray) -> np.ndarray:
    """H W: red, green and blue, of one or two bytes, in one number."""
    bits = 8 * picture.itemsize
    red, green, blue = (picture[:, :, i].astype(np.int32 if bits == 8 else np.int64) for i in range(3))
    return red << 2 * bits | green << bits | blue


def unpack(packed: np.ndarray, itemsize: int) -> np.ndarray:
    """N 3, from N numbers."""
    bits = 8 * itemsize
    highest = 2**bits - 1
    return np.stack([packed >> 2 * bits, packed >> bits & highest, packed & highest], axis=1).astype(np.int64)


@lru_cache(maxsize=1)
def _table(ids: tuple[tuple[int, Colour], ...]) -> np.ndarray:
    """The id of every colour of 8 bits."""
    table = np.full(2**24, UNKNOWN, np.uint8)
    for value, (red, green, blue) in ids:
        if max(red, green, blue) < 256:
            table[red << 16 | green << 8 | blue] = value
    return table


def _found(packed: np.ndarray, ids: tuple[tuple[int, Colour], ...]) -> np.ndarray:
    """As by a table, for 2^48 colours."""
    values, colours = (
        np.array([value for value, _ in ids], np.uint8),
        np.array([[colour for _, colour in ids]], np.uint16),
    )
    known = pack(colours)[0]
    order = np.argsort(known)
    places = order[np.searchsorted(known, packed, sorter=order).clip(max=len(known) - 1)]
    return np.where(known[places] == packed, values[places], np.uint8(UNKNOWN))
