"""Public data sets as rows of a table: a `DatasetSpec` each, and one builder for all of them.

A module of this folder holds the row of one data set, or the rows of a family, and registers them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from segbox import IGNORE_INDEX, distributed
from segbox.data import places
from segbox.data.datasets.dataset import Colour
from segbox.data.datasets.names import FilePairs
from segbox.data.datasets.pairs import SAME_IDS, PairDataset, match_names, paths_in, read_names
from segbox.data.transforms.pipeline import PipelineConfig
from segbox.errors import DataError, did_you_mean
from segbox.registry import DATASETS

ZERO_IGNORED = np.r_[IGNORE_INDEX, 0:254, IGNORE_INDEX].astype(np.uint8)  # ids from 1 on become classes from 0 on

HOW_TO_CONVERT = """\
{download}
  segbox convert {command} FOLDER {{root}}
Expected in the root (now {{root}}):
{tree}"""

Found = tuple[Sequence[tuple[str, str]], np.ndarray]  # image and mask of each pair; the table of ids
Finder = Callable[["DatasetSpec", str, str], Found]


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetSpec:
    """Where the files of a data set are, and what its masks mean. `{part}` in a path stands for a part of a split."""

    name: str  # the `type` in a config
    classes: tuple[str, ...]
    palette: Sequence[Colour]
    how_to_get: str  # shown where a file is missing; `{root}` stands for the root that was given
    splits: Mapping[str, tuple[str, ...]]  # name of a split -> its parts
    images: str = "images/{part}"  # a folder, as seen from the root
    labels: str = "annotations/{part}"
    image_suffixes: tuple[str, ...] = (".jpg",)
    label_suffix: str = ".png"
    ids: np.ndarray = field(default_factory=lambda: SAME_IDS)  # the class of each id in a mask, 256 entries
    renumbered_suffix: str | None = None  # of masks that hold classes already; read where every image has one
    name_list: str | None = None  # the file that lists the names of a part; None: all files belong to it
    background: Colour | None = None  # given: `use_background=True` makes id 0 the first class, of this colour
    find: Finder | None = None  # in place of `find_files`, for layouts that need code

    def with_background(self) -> "DatasetSpec":
        """Id 0 is the first class instead of being ignored."""
        palette = [self.background, *self.palette]
        return replace(self, classes=("background", *self.classes), palette=palette, ids=SAME_IDS)


def register(spec: DatasetSpec) -> DatasetSpec:
    """Make the data set a `type` for configs. `builder.spec` tells its classes without opening files."""
    builder = _builder(spec) if spec.background is None else _builder_with_background(spec)
    builder.__name__ = builder.__qualname__ = spec.name
    builder.spec = spec
    DATASETS.register(builder, name=spec.name)
    return spec


def _builder(spec: DatasetSpec) -> Callable[..., PairDataset]:
    def build(
        root: str,
        split: str = "train",
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
        exif: bool = True,
    ) -> PairDataset:
        check_split(split, spec.splits)

        def find() -> tuple[FilePairs, np.ndarray]:
            pairs, ids = (spec.find or find_files)(spec, root, split)
            return FilePairs(pairs), ids

        pairs, ids = distributed.once_per_machine(find)
        return PairDataset(pairs, spec.classes, spec.palette, ids, pipeline, transform_labels, skip_unreadable, exif)

    return build


def _builder_with_background(spec: DatasetSpec) -> Callable[..., PairDataset]:
    def build(
        root: str,
        split: str = "train",
        use_background: bool = False,
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
        exif: bool = True,
    ) -> PairDataset:
        chosen = _builder(spec.with_background() if use_background else spec)
        return chosen(root, split, pipeline, transform_labels, skip_unreadable, exif)

    return build


# --- finding files ---------------------------------------------------------------------------------------------------


def find_files(spec: DatasetSpec, root: str, split: str) -> Found:
    """The pairs of a split, matched by name."""
    parts = spec.splits[split]
    image_folders, label_folders = ([kind.format(part=part) for part in parts] for kind in (spec.images, spec.labels))
    lists = [spec.name_list.format(part=part) for part in parts] if spec.name_list else []
    path = open_root(root, [*image_folders, *label_folders, *lists], spec.how_to_get)
    images = _paths(path, image_folders, spec.image_suffixes)
    labels, suffix, ids = _find_masks(spec, path, label_folders, images)
    names = [name for file in lists for name in read_names(path / file)] if lists else None
    pairs = match_names(
        images, labels, names, _shown(path, image_folders), f"*{suffix} in {_shown(path, label_folders)}"
    )
    return pairs, ids


def _find_masks(
    spec: DatasetSpec, path: Path, folders: Sequence[str], images: Mapping[str, str]
) -> tuple[dict[str, str], str, np.ndarray]:
    """The masks, their suffix and the table of their ids."""
    if spec.renumbered_suffix is None:
        return _paths(path, folders, (spec.label_suffix,)), spec.label_suffix, spec.ids
    renumbered = _paths(path, folders, (spec.renumbered_suffix,))
    if images and images.keys() <= renumbered.keys():
        return renumbered, spec.renumbered_suffix, SAME_IDS
    files = set(renumbered.values())  # their suffix may end in the other one
    masks = {name: file for name, file in _paths(path, folders, (spec.label_suffix,)).items() if file not in files}
    return masks, spec.label_suffix, spec.ids


def _paths(path: Path, folders: Iterable[str], suffixes: Sequence[str]) -> dict[str, str]:
    """Name -> file. The parts of a split have no names in common."""
    return {name: file for folder in folders for name, file in paths_in(path / folder, *suffixes).items()}


def _shown(path: Path, folders: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(str(path / folder) for folder in folders))


def open_root(root: str, needed: Sequence[str], how_to_get: str) -> Path:
    """The root as a path. Where it or something needed in it is missing, DataError says how to get the data set."""
    path = Path(root).expanduser()
    parts = (path / part for part in ("", *needed))
    missing = [part for part in parts if not (places.is_folder(part) or places.is_file(part))]
    if missing:
        raise DataError(f"there is no {missing[0].absolute()}. {how_to_get.format(root=root)}")
    return path


def check_split(split: str, known: Iterable[str]) -> None:
    known = list(known)
    if split not in known:
        raise ValueError(f"split={split!r}: is none of {', '.join(known)}.{did_you_mean(split, known)}")


# --- writing a row ---------------------------------------------------------------------------------------------------


def class_names(text: str) -> tuple[str, ...]:
    """ "sky, traffic light" -> ("sky", "traffic light"); lines may break anywhere between words."""
    return tuple(" ".join(text.split()).split(", "))


def hex_colours(text: str) -> list[Colour]:
    """ "ff0000 00ff00" -> [(255, 0, 0), (0, 255, 0)]."""
    return [(value >> 16, value >> 8 & 255, value & 255) for value in (int(word, 16) for word in text.split())]


def table_of_ids(ids: Sequence[int]) -> np.ndarray:
    """Masks hold these ids for the classes, in order of class; other ids are ignored."""
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[list(ids)] = np.arange(len(ids))
    return table


def same_ids_except(changes: Mapping[int, int]) -> np.ndarray:
    """Masks hold classes, except for these ids."""
    table = SAME_IDS.copy()
    table[list(changes)] = list(changes.values())
    return table


def how_to_convert(name: str, download: str, tree: str) -> str:
    """`how_to_get` of a data set whose files `segbox convert` sorts first; `tree` is what it makes of them."""
    return HOW_TO_CONVERT.format(download=download, command=name.lower(), tree=tree)
