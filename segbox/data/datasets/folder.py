"""A data set of two folders: images, and masks of the same names."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segbox import IGNORE_INDEX, distributed
from segbox.data import places
from segbox.data.class_names import checked_classes
from segbox.data.datasets.dataset import SegDataset
from segbox.data.datasets.names import FilePairs
from segbox.data.datasets.pairs import (
    IMAGE_SUFFIXES,
    all_names,
    find_missing,
    first_few,
    known_name,
    label_table,
    list_files,
    load_pair,
    load_pair_late,
    match_names,
    read_lines,
)
from segbox.data.palette import checked_palette, default_palette
from segbox.data.readers.files import read_label
from segbox.data.readers.format import KINDS
from segbox.data.readers.headers import read_header
from segbox.data.sample import Sample
from segbox.data.transforms.pipeline import PipelineConfig, as_pipeline
from segbox.errors import DataError
from segbox.registry import DATASETS

SAMPLED = 8  # masks that are read to detect masks of 0 and 255, and images to detect their bit depth


class DeepImages(DataError):
    """Images of more than 8 bits per channel in a data set whose config does not set `bits`."""

    def __init__(self, message: str, bits: int = 0) -> None:
        super().__init__(message)
        self.bits = bits


NameKind = tuple[tuple[str, ...], str]  # the suffixes and the prefix of file names
Missing = tuple[list[str], list[str]]  # names without an image, names without a mask


@DATASETS.register
class FolderDataset(SegDataset):
    """`root/images/{split}/NAME.jpg` and `root/annotations/{split}/NAME.png`, at any depth.

    Without a folder for the split, `root/{split}.txt` or `root/splits/{split}.txt` lists the names or the paths of its
    images; `split_file` is a list anywhere else. `label_map` changes ids as they are read: {11: 255} ignores class 11.
    Images and masks may share a folder if `label_suffix` tells them apart. `allow_missing` leaves out images without a
    mask and masks without an image. `bits=16` or 32 (floats) keeps the values of deep images; `bits=8` cuts them to
    bytes. `exif=False` is for masks that were drawn on the stored pixels instead of the image as viewers show it.
    """

    def __init__(
        self,
        root: str,
        split: str | None = None,
        classes: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        images: str = "images",
        annotations: str = "annotations",
        image_suffix: str | None = None,
        label_suffix: str = ".png",
        label_map: Mapping[int, int] | None = None,
        channels: int = 3,
        pipeline: PipelineConfig = (),
        transform_labels: bool = True,
        skip_unreadable: bool = False,
        split_file: str | None = None,
        allow_missing: bool = False,
        image_prefix: str = "",
        label_prefix: str = "",
        bits: int | None = None,
        exif: bool = True,
    ) -> None:
        if bits not in (None, *KINDS):
            raise ValueError(f"bits={bits!r}: expected 8 (bytes), 16 (10 to 14 bits are stored in 16), or 32 (floats)")
        self.root = Path(root).expanduser()
        self.channels = channels
        self.bits = bits or 8
        self.pipeline = as_pipeline(pipeline, transform_labels)
        self.transform_labels = transform_labels
        self.skip_unreadable = skip_unreadable
        self.exif = exif
        folders, names = _find_folders(self.root, split, split_file, images, annotations)
        missing = [folder for folder in (self.root, *folders) if not places.is_folder(folder)]
        if missing:
            tree = _tree(self.root, split, folders, f"{label_prefix}NAME{label_suffix}")
            raise DataError(f"there is no folder {missing[0].absolute()}. Expected:\n{tree}")
        self.image_folder, self.label_folder = folders
        self.classes = _read_classes(self.root, classes)
        count = len(self.classes)
        self.palette = default_palette(count) if palette is None else checked_palette(palette, count)
        self.label_table = label_table(label_map or {}, len(self.classes))
        suffixes = IMAGE_SUFFIXES if image_suffix is None else (image_suffix,)
        image_kind, label_kind = (suffixes, image_prefix), ((label_suffix,), label_prefix)
        self.pairs, self.missing = distributed.once_per_machine(
            lambda: self._find_pairs(image_kind, label_kind, names, allow_missing)
        )
        if len(self.classes) == 2 and IGNORE_INDEX not in (label_map or {}):
            self._refuse_black_and_white()
        if bits is None:
            self._refuse_deep_images()

    def _find_pairs(
        self, image_kind: NameKind, label_kind: NameKind, names: Sequence[str] | None, allow_missing: bool
    ) -> tuple[FilePairs, Missing]:
        """The pairs of the two folders, and the names that are in one of them only. `names` come from a split file."""
        labels = list_files(self.label_folder, *label_kind)
        no_images = labels.values() if self.image_folder == self.label_folder else ()
        images = list_files(self.image_folder, *image_kind, without=no_images)
        names = None if names is None else [known_name(line, images) for line in names]
        wanted = all_names(images, labels) if names is None else names
        missing = find_missing(images, labels, wanted)
        if allow_missing and any(missing):
            names = self._leave_out_missing(wanted, *missing)
        (suffix,), prefix = label_kind
        masks = f"{prefix}*{suffix} in {self.label_folder}"
        return FilePairs(match_names(images, labels, names, self.image_folder, masks)), missing

    def __len__(self) -> int:
        return len(self.pairs)

    def load(self, index: int) -> Sample:
        return load_pair(*self.files(index), self.label_table, self.channels, self.bits, self.exif, self.cache)

    def load_late(self, index: int) -> Sample:
        kind = self.channels, self.bits, self.exif
        return load_pair_late(*self.files(index), self.label_table, *kind, self.cache)

    def files(self, index: int) -> tuple[Path, Path]:
        """Paths of the image and of the label."""
        image, label = self.pairs[index]
        return self.image_folder / image, self.label_folder / label

    def _leave_out_missing(self, names: list[str], no_image: list[str], no_mask: list[str]) -> list[str]:
        warnings.warn(
            f"{self.image_folder}: left out are {len(no_mask)} images without mask ({first_few(no_mask)}) and"
            f" {len(no_image)} masks or names without image ({first_few(no_image)}) (allow_missing=True)",
            stacklevel=2,
        )
        left_out = {*no_image, *no_mask}
        kept = [name for name in names if name not in left_out]
        return kept or names  # if nothing is left, `match_names` raises the error

    def _refuse_black_and_white(self) -> None:
        """Two classes drawn as 0 and 255 would silently train on one class: 255 is ignored."""
        ids: set[int] = set()
        for index in self._some():
            try:
                ids.update(np.flatnonzero(np.bincount(read_label(self.files(index)[1]).ravel())).tolist())
            except DataError:  # reported when the sample is loaded
                continue
        if ids == {0, IGNORE_INDEX}:
            raise DataError(
                f"{self.label_folder}: the masks hold only 0 and 255, and 255 is ignored, so {self.classes[1]!r} would"
                " never be seen; label_map={255: 1} makes it class 1 (and {255: 255} says that ignoring is meant)"
            )

    def _refuse_deep_images(self) -> None:
        """12 bits in files of 16, silently cut to bytes, would be nearly black. (A few deep files may be.)"""
        headers = [read_header(self.files(index)[0]) for index in self._some()]
        depths = sorted(header.depth for header in headers if header is not None)
        bits = depths[len(depths) // 2] if depths else 8  # of most of them
        if bits in KINDS and bits != 8:
            raise DeepImages(
                f"{self.image_folder}: the images have {bits} bits per channel: bits={bits} in the data set keeps their"
                " values, and model.mean and model.std are then in the same units (segbox check measures"
                " them); bits=8 cuts them to bytes",
                bits,
            )

    def _some(self) -> list[int]:
        """A few indices, spread evenly."""
        return np.linspace(0, len(self) - 1, min(SAMPLED, len(self))).astype(int).tolist()


def _find_folders(
    root: Path, split: str | None, split_file: str | None, images: str, annotations: str
) -> tuple[tuple[Path, Path], list[str] | None]:
    """The two folders, and the names that the split lists (None: all)."""
    names = None
    folders = root / images, root / annotations
    if split_file is not None:
        if split is not None:
            raise ValueError(f"split={split!r} and split_file={split_file!r}: give only one of them")
        path = root / Path(split_file).expanduser()
        if not places.is_file(path):
            raise DataError(f"there is no split_file {path.absolute()}; it lists one NAME per line")
        names = read_lines(path)
    if split is not None:
        lists = [path for path in (root / f"{split}.txt", root / "splits" / f"{split}.txt") if places.is_file(path)]
        if places.is_folder(root / images / split) or not lists:
            folders = folders[0] / split, folders[1] / split
        else:
            names = read_lines(lists[0])
    return folders, names


def _tree(root: Path, split: str | None, folders: tuple[Path, Path], mask: str) -> str:
    lines = [f"{folders[0]}/NAME.jpg", f"{folders[1]}/{mask}", f"{root}/classes.txt (or classes=[...])"]
    if split is not None:
        lines.append(f"or, without folders for {split!r}, {root}/{split}.txt with one NAME per line")
    return "\n".join(f"  {line}" for line in lines)


def _read_classes(root: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is None:
        path = root / "classes.txt"
        if not places.is_file(path):
            raise DataError(f"no class names: give classes=[...], or write them to {path}, one per line in order of id")
        return checked_classes(read_lines(path), path)
    return checked_classes(classes)
