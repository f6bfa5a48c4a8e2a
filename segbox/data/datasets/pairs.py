"""Data sets of an image file and a label file per sample: find, match and read the files."""

import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from segbox import IGNORE_INDEX
from segbox.data import places
from segbox.data.datasets.dataset import Colour, SegDataset
from segbox.data.datasets.names import FilePairs
from segbox.data.decoded import DecodedCache, kept
from segbox.data.readers.files import errors_named, read_image, read_label
from segbox.data.readers.rows import TopRows, read_label_late, read_late
from segbox.data.sample import Sample
from segbox.data.transforms.pipeline import PipelineConfig, as_pipeline
from segbox.errors import DataError, printable

File = TypeVar("File", str, Path)

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

SHOWN = 200  # characters of a name in messages
SAME_IDS = np.arange(256, dtype=np.uint8)


class PairDataset(SegDataset):
    """Pairs of files. `label_table` maps the ids in a label file to classes. All public data sets are built as this."""

    def __init__(
        self,
        pairs: FilePairs | Sequence[tuple[File, File]],
        classes: Sequence[str],
        palette: Sequence[Colour],
        label_table: np.ndarray = SAME_IDS,
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
        exif: bool = True,
    ) -> None:
        self.classes = tuple(classes)
        self.palette = list(palette)
        self.label_table = label_table
        self.pipeline = as_pipeline(pipeline, transform_labels)
        self.transform_labels = transform_labels
        self.skip_unreadable = skip_unreadable
        self.exif = exif
        self.pairs = pairs if isinstance(pairs, FilePairs) else FilePairs(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def load(self, index: int) -> Sample:
        return load_pair(*self.files(index), self.label_table, exif=self.exif, cache=self.cache)

    def load_late(self, index: int) -> Sample:
        return load_pair_late(*self.files(index), self.label_table, exif=self.exif, cache=self.cache)

    def files(self, index: int) -> tuple[Path, Path]:
        """Paths of the image and of the label."""
        image, label = self.pairs[index]
        return Path(image), Path(label)


def load_pair(
    path: str | Path,
    label_path: str | Path,
    label_table: np.ndarray,
    channels: int = 3,
    bits: int = 8,
    exif: bool = True,
    cache: DecodedCache | None = None,
) -> Sample:
    kind = _image_kind(channels, bits, exif)
    image = kept(cache, path, kind, lambda: read_image(path, channels, bits, exif))
    label = as_classes(_read_label(label_path, exif, cache), label_table)
    size = image.shape[:2]
    return {"image": image, "label": label, "path": str(path), "label_path": str(label_path), "size": size}


def load_pair_late(
    path: str | Path,
    label_path: str | Path,
    label_table: np.ndarray,
    channels: int = 3,
    bits: int = 8,
    exif: bool = True,
    cache: DecodedCache | None = None,
) -> Sample:
    """`load_pair`, or a sample with a `source` or a `label_source` where rows can be decoded in part."""
    if cache is not None and cache.may_hold(path, _image_kind(channels, bits, exif)):
        return load_pair(path, label_path, label_table, channels, bits, exif, cache)
    image, late = read_late(path, channels, bits, exif), {}
    is_kept = cache is not None and cache.may_hold(label_path, _label_kind(exif))
    label = _read_label(label_path, exif, cache) if is_kept else read_label_late(label_path, exif)
    if isinstance(image, TopRows):
        late["source"], image = image, _blank(*image.size, channels)
    if isinstance(label, TopRows):
        late["label_source"], label = _in_classes(label, label_table), _blank(*label.size)
    else:
        label = as_classes(label, label_table)
    names = {"path": str(path), "label_path": str(label_path)}
    return {"image": image, "label": label, "size": image.shape[:2], **names, **late}


def _blank(*shape: int) -> np.ndarray:
    """Of the size of what is decoded later; it takes no memory."""
    return np.broadcast_to(np.uint8(0), shape)


def _in_classes(label: TopRows, label_table: np.ndarray) -> TopRows:
    return replace(label, decode=lambda rows: as_classes(label.decode(rows), label_table))


def _image_kind(channels: int, bits: int, exif: bool) -> str:
    return f"image {channels} {bits} {exif}"


def _label_kind(exif: bool) -> str:
    return f"label {exif}"


def _read_label(path: str | Path, exif: bool, cache: DecodedCache | None) -> np.ndarray:
    return kept(cache, path, _label_kind(exif), lambda: read_label(path, exif))


def label_table(label_map: Mapping[int, int], num_classes: int) -> np.ndarray:
    """What each id of a file becomes."""
    table = np.arange(256, dtype=np.uint8)
    for old, new in label_map.items():
        if not 0 <= old <= 255 or not (0 <= new < num_classes or new == IGNORE_INDEX):
            allowed = f"a class, 0 to {num_classes - 1}, or {IGNORE_INDEX}"
            raise ValueError(f"label_map={{{old!r}: {new!r}}}: maps an id from 0 to 255 to {allowed}")
        table[old] = new
    return table


def as_classes(ids: np.ndarray, label_table: np.ndarray) -> np.ndarray:
    return ids if np.array_equal(label_table, SAME_IDS) else cv2.LUT(ids, label_table)


# --- finding files ---------------------------------------------------------------------------------------------------


def paths_in(folder: Path, *suffixes: str) -> dict[str, str]:
    """Name without suffix -> path, as `list_files`; empty if the folder does not exist."""
    return list_files(folder, suffixes, begin=os.path.join(folder, ""))


def list_files(
    folder: Path, suffixes: tuple[str, ...], prefix: str = "", without: Iterable[str] = (), begin: str = ""
) -> dict[str, str]:
    """Name without prefix and suffix -> file, relative to the folder, sorted by name. Files in `without` are omitted.

    `begin` is put in front of each file.
    """
    found: dict[str, str] = {}
    without = set(without)
    lower = tuple(suffix.lower() for suffix in suffixes)
    for inside, file in walk_files(folder):
        suffix = next(filter(file.lower().endswith, lower), None)
        path = inside + file
        if suffix is None or not file.startswith(prefix) or path in without:
            continue
        stem = file[len(prefix) : -len(suffix)]
        name = inside + stem if stem.strip(".") else os.path.normpath(os.path.join(inside, stem))
        if name in found:
            other = found[name].removeprefix(begin)
            raise DataError(f"{folder}: {other} and {path} have the same name; which of them is meant?")
        found[name] = begin + path
    return {name: found.pop(name) for name in sorted(found)}


def walk_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file that is not hidden, at any depth: its folder relative to `folder` ("" or "a/b/"), and its name."""
    if (files := places.walk(folder)) is not None:
        yield from ((inside, file) for inside, file in files if not file.startswith("."))
        return
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _leads_back(os.path.join(place, name))]
        inside = "" if place == os.fspath(folder) else os.path.join(os.path.relpath(place, folder), "")
        for file in files:
            if not file.startswith("."):
                yield inside, file


def _leads_back(path: str) -> bool:
    """Whether it is a link to one of its own parent folders: following it would never end."""
    if not os.path.islink(path):
        return False
    target = os.path.realpath(path)
    return any(os.path.realpath(parent) == target for parent in Path(path).absolute().parents)


def match_names(
    images: Mapping[str, File],
    labels: Mapping[str, File],
    names: list[str] | None,
    image_folder: Path | str,
    masks: str,
) -> list[tuple[File, File]]:
    """Image and label of each name; None stands for all names. `masks` describes the searched files in messages."""
    wanted = all_names(images, labels) if names is None else names
    if not wanted:
        raise DataError(f"{image_folder}: " + ("holds no images" if names is None else "the split lists no names"))
    no_image, no_mask = find_missing(images, labels, wanted)
    problems = [
        f"{len(missing)} {what} ({first_few(missing)})"
        for what, missing in ((f"have no image in {image_folder}", no_image), (f"have no mask {masks}", no_mask))
        if missing
    ]
    if problems:
        raise MissingPairs(f"of {len(wanted)} names, " + ", and ".join(problems), no_image, no_mask)
    return [(images[name], labels[name]) for name in wanted]


def all_names(images: Mapping[str, File], labels: Mapping[str, File]) -> list[str]:
    """Sorted, as each of the two is."""
    return list(images) if images.keys() == labels.keys() else sorted(images.keys() | labels.keys())


def find_missing(
    images: Mapping[str, File], labels: Mapping[str, File], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The names without an image, and those without a mask."""
    return [name for name in names if name not in images], [name for name in names if name not in labels]


class MissingPairs(DataError):
    """Images without masks, or masks without images, with all their names."""

    def __init__(self, message: str, no_image: Sequence[str] = (), no_mask: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.no_image = list(no_image)
        self.no_mask = list(no_mask)


def read_names(path: Path) -> list[str]:
    """The names in a list like VOC's. A line holds a name, or the paths of an image and its label."""
    return [os.path.splitext(os.path.basename(line.split()[0].rstrip("/")))[0] for line in read_lines(path)]


def known_name(line: str, known: Container[str]) -> str:
    """The known name in a line of a list: the line itself, or the end of the path at its start.

    "/data/set/train/a.png /data/set/trainannot/a.png" stands for a. A line without a known name comes back as it is.
    """
    if line in known:
        return line
    parts = [part for part in os.path.splitext(line.split()[0])[0].split("/") if part not in ("", ".")]
    ends = ("/".join(parts[-depth:]) for depth in range(1, len(parts) + 1))
    return next((end for end in ends if end in known), line)


def read_lines(path: Path) -> list[str]:
    lines = [line.strip() for line in read_text(path).split("\n")]
    lines = [line for line in lines if line]
    if len(set(lines)) < len(lines):
        repeated = sorted(line for line, times in Counter(lines).items() if times > 1)
        raise DataError(f"{path}: lists {len(repeated)} names more than once ({first_few(repeated)})")
    return lines


def read_text(path: Path) -> str:
    """UTF-8 with any line ends, with or without a byte order mark."""
    try:
        with errors_named(path):
            return re.sub("\r\n?", "\n", places.read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not UTF-8 text (byte {error.start} is 0x{error.object[error.start]:02x})"
        ) from None


def first_few(names: Sequence[str]) -> str:
    shown = [name if len(name) <= SHOWN else f"{name[:SHOWN]}..." for name in names[:3]]
    return ", ".join(map(printable, shown)) + (", ..." if len(names) > 3 else "")
