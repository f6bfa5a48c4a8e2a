"""Recognise the layout of a folder of images and masks."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbox.data.datasets.pairs import IMAGE_SUFFIXES, first_few, known_name, list_files, read_lines, walk_files
from segbox.errors import DataError

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "img_dir", "jpegimages", "photos", "rgb", "input", "inputs", "x")
LABEL_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annots", "annot", "gt", "ann_dir", "ann"),
    *("segmentationclass", "ground_truth", "groundtruth", "targets", "target", "segmentation", "segmentations", "y"),
)
SPLITS = {"train": ("train", "training", "trn"), "val": ("val", "valid", "validation", "dev", "test", "testing")}
LIST_FOLDERS = (".", "splits", "ImageSets/Segmentation", "ImageSets", "lists")
CLASS_FILES = ("classes.txt", "class_names.txt", "names.txt", "labels.txt", "codes.txt", "_classes.txt")
LABEL_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
PREFIX = re.compile(r"^[A-Za-z]+[_.\-]?(?=\d)|^[A-Za-z]+[_.\-]")
SUFFIX = re.compile(r"[_.\-][A-Za-z][A-Za-z0-9]*$")
EXPECTED = """\
Expected one of
  images/ and masks/ (or labels/, annotations/, gt/), with or without train/ and val/ inside
  train/images/ and train/masks/, val/images/ and val/masks/
  JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/{train,val}.txt
  one folder with NAME.jpg and NAME_mask.png
with masks of one byte per pixel: the id of the class, or 255 for ignored pixels"""

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """`splits` holds FolderDataset's arguments for "train" and "val", or for "all" if the folder is not split."""

    description: str
    root: Path
    splits: dict[str, Arguments]

    @property
    def has_split(self) -> bool:
        return "val" in self.splits


def recognise_layout(folder: str | Path) -> Layout:
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"there is no folder {root.absolute()}")
    layout = _layout_in(root)
    if layout is not None:
        return layout
    count = sum(name.lower().endswith(IMAGE_SUFFIXES) for _, name in walk_files(root))
    what = f"holds {count} image(s), but no masks that belong to them" if count else "no images and masks recognised"
    raise DataError(f"{root.absolute()}: {what}. {EXPECTED}")


def _layout_in(root: Path) -> Layout | None:
    if (root / "leftImg8bit").is_dir() and (root / "gtFine").is_dir():
        raise DataError(
            f"{root}: is Cityscapes; use configs/_base_/datasets/cityscapes.py with this folder as data_root"
        )
    for find_layout in (_two_folders, _folders_in_splits, _sibling_folders, _one_folder):
        layout = find_layout(root)
        if layout is not None:
            return layout
    inside = _subfolders(root)
    return _layout_in(root / inside[0]) if len(inside) == 1 else None  # an unpacked archive


def find_class_names(root: Path) -> tuple[str, ...] | None:
    """Class names from a file with one per line in order of id, with or without numbers."""
    for name in CLASS_FILES:
        if (root / name).is_file():
            lines = read_lines(root / name)
            return tuple(re.sub(r"^\d+\s*[:,;\t ]\s*", "", line) for line in lines)
    return None


def name_in_list(file: str, arguments: Arguments) -> str:
    """The name by which a list knows the file of an image."""
    folder, base = os.path.split(file)
    prefix, suffix = arguments.get("image_prefix", ""), arguments.get("image_suffix", _extension(base))
    return os.path.join(folder, base[len(prefix) : len(base) - len(suffix)])


# --- the four layouts ------------------------------------------------------------------------------------------------


def _two_folders(root: Path) -> Layout | None:
    """images/ and masks/, possibly with train/ and val/ inside, or with lists of names."""
    images, labels = _find(root, IMAGE_FOLDERS), _find(root, LABEL_FOLDERS)
    if images is None or labels is None:
        return None
    shared = {"root": str(root), "images": images, "annotations": labels}
    common = set(_subfolders(root / images)) & set(_subfolders(root / labels))
    folders = _split_names(common)
    if folders:
        splits = {
            split: {**shared, **_suffixes(root / images / name, root / labels / name), "split": name}
            for split, name in folders.items()
        }
        inside = ", ".join(f"{name}/" for name in folders.values())
        return Layout(f"{images}/ and {labels}/ with {inside} inside", root, splits)
    suffixes = _suffixes(root / images, root / labels)
    lists = _find_lists(root, root / images, suffixes)
    if lists:
        splits = {split: {**shared, **suffixes, "split_file": path} for split, path in lists.items()}
        return Layout(f"{images}/ and {labels}/ with lists {', '.join(lists.values())}", root, splits)
    return Layout(f"{images}/ and {labels}/, not split", root, {"all": {**shared, **suffixes}})


def _folders_in_splits(root: Path) -> Layout | None:
    """train/images and train/masks."""
    splits = {}
    for split, name in _split_names(_subfolders(root)).items():
        images, labels = _find(root / name, IMAGE_FOLDERS), _find(root / name, LABEL_FOLDERS)
        if images is not None and labels is not None:
            arguments = {"root": str(root), "images": f"{name}/{images}", "annotations": f"{name}/{labels}"}
            splits[split] = {**arguments, **_suffixes(root / name / images, root / name / labels)}
    if "train" not in splits:
        return None
    shown = ", ".join(f"{arguments['images']}/ and {arguments['annotations']}/" for arguments in splits.values())
    return Layout(shown, root, _as_all(splits))


def _sibling_folders(root: Path) -> Layout | None:
    """train/ and trainannot/, as in SegNet's CamVid, or train/ and train_labels/."""
    splits = {}
    folders = {name.lower(): name for name in _subfolders(root)}
    for split, name in _split_names(_subfolders(root)).items():
        endings = [join + ending for ending in LABEL_FOLDERS for join in ("", "_", "-")]
        partner = next((folders[name.lower() + e] for e in endings if name.lower() + e in folders), None)
        if partner is not None:
            arguments = {"root": str(root), "images": name, "annotations": partner}
            splits[split] = {**arguments, **_suffixes(root / name, root / partner)}
    if "train" not in splits:
        return None
    shown = ", ".join(f"{arguments['images']}/ and {arguments['annotations']}/" for arguments in splits.values())
    return Layout(shown, root, _as_all(splits))


def _one_folder(root: Path) -> Layout | None:
    """NAME.jpg and NAME_mask.png side by side, possibly in train/ and val/."""
    folders = _split_names(_subfolders(root))
    splits = {}
    for split, name in (folders or {"all": "."}).items():
        suffixes = _suffixes_side_by_side(root / name)
        if suffixes is not None:
            splits[split] = {"root": str(root), "images": name, "annotations": name, **suffixes}
    if not splits.keys() & {"train", "all"}:
        return None
    label_suffix = next(iter(splits.values()))["label_suffix"]
    return Layout(f"images and masks (*{label_suffix}) side by side", root, _as_all(splits))


# --- helpers ---------------------------------------------------------------------------------------------------------


def _as_all(splits: dict[str, Arguments]) -> dict[str, Arguments]:
    """The splits, or "all" if there is no validation split."""
    return splits if "val" in splits else {"all": next(iter(splits.values()))}


def _subfolders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _find(root: Path, names: Sequence[str]) -> str | None:
    """The subfolder with one of these names, in upper or lower case."""
    folders = {name.lower(): name for name in _subfolders(root)}
    return next((folders[name] for name in names if name in folders), None)


def _split_names(folders: Iterable[str]) -> dict[str, str]:
    """Map "train" and "val" to the names of their folders."""
    known = {name.lower(): name for name in folders}
    found = {split: next((known[n] for n in names if n in known), None) for split, names in SPLITS.items()}
    return {split: name for split, name in found.items() if name is not None} if found["train"] else {}


def _find_lists(root: Path, images: Path, suffixes: Mapping[str, Any]) -> dict[str, str]:
    """Files that list names of images for train and val."""
    names = set(list_files(images, _image_suffixes(suffixes), suffixes.get("image_prefix", "")))
    for folder in LIST_FOLDERS:
        paths = {p.stem.lower(): p for p in (root / folder).glob("*.txt")}
        found = {split: next((paths[n] for n in known if n in paths), None) for split, known in SPLITS.items()}
        if all(path is not None and _lists_names(path, names) for path in found.values()):
            return {split: str(path.relative_to(root)) for split, path in found.items() if path is not None}
    return {}


def _lists_names(path: Path, names: set[str]) -> bool:
    """Whether most lines name an image. The other lines are reported as missing later."""
    lines = read_lines(path)
    return 2 * sum(known_name(line, names) in names for line in lines) > len(lines)


def _image_suffixes(suffixes: Mapping[str, Any]) -> tuple[str, ...]:
    return (suffixes["image_suffix"],) if "image_suffix" in suffixes else IMAGE_SUFFIXES


def _suffixes(images: Path, labels: Path) -> Arguments:
    """The prefixes and suffixes without which the names of images and masks are equal."""
    image_files, label_files = _files(images, IMAGE_SUFFIXES), _files(labels, LABEL_SUFFIXES)
    for folder, files, kind, kinds in (
        (images, image_files, "images", IMAGE_SUFFIXES),
        (labels, label_files, "masks", LABEL_SUFFIXES),
    ):
        if not files:
            raise DataError(
                f"{folder.absolute()}: holds no {kind} ({', '.join(kinds)}); training needs images, and a mask for each"
            )
    extension = Counter(_extension(file) for file in label_files).most_common(1)[0][0]
    image_stems = [file[: -len(_extension(file))] for file in image_files]
    label_stems = [file[: -len(extension)] for file in label_files if _extension(file) == extension]
    choices = [
        (len(_without(image_stems, *of_images) & _without(label_stems, *of_labels)), of_images, of_labels)
        for of_images in _affixes(image_stems)
        for of_labels in _affixes(label_stems)
    ]
    count, (image_prefix, image_suffix), (label_prefix, label_suffix) = max(choices, key=lambda choice: choice[0])
    if not count:
        raise DataError(
            f"the names of images and masks do not match: {first_few(image_files)} in {images.absolute()},"
            f" and {first_few(label_files)} in {labels.absolute()}"
        )
    found: Arguments = {"label_suffix": label_suffix + extension}
    if image_suffix:
        found["image_suffix"] = image_suffix + Counter(_extension(file) for file in image_files).most_common(1)[0][0]
    prefixes = {"image_prefix": image_prefix, "label_prefix": label_prefix}
    return found | {key: prefix for key, prefix in prefixes.items() if prefix}


def _suffixes_side_by_side(folder: Path) -> Arguments | None:
    files = _files(folder, IMAGE_SUFFIXES)
    stems = {file[: -len(_extension(file))]: _extension(file) for file in files}
    ordered = sorted(stems)
    pairs = [(a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 : i + 4] if b.startswith(a)]
    tails = Counter((b[len(a) :], stems[b], stems[a]) for a, b in pairs if not b[len(a) :][0].isdigit())
    if not tails:
        return None
    (tail, label_extension, image_extension), count = tails.most_common(1)[0]
    if 3 * count < len(files):
        return None
    return {"image_suffix": image_extension, "label_suffix": tail + label_extension}


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    return sorted(inside + file for inside, file in walk_files(folder) if _extension(file).lower() in suffixes)


def _extension(file: str) -> str:
    return os.path.splitext(file)[1]


def _affixes(stems: Sequence[str]) -> list[tuple[str, str]]:
    """Possible (prefix, suffix) of the names: none, and the most frequent ones like mask_ and like _mask."""
    names = [os.path.basename(stem) for stem in stems]
    prefixes, suffixes = ([match[0] for match in map(kind.search, names) if match] for kind in (PREFIX, SUFFIX))
    return [
        (prefix, suffix)
        for prefix in ("", *(word for word, _ in Counter(prefixes).most_common(1)))
        for suffix in ("", *(word for word, _ in Counter(suffixes).most_common(1)))
    ]


def _without(stems: Sequence[str], prefix: str, suffix: str) -> set[str]:
    """The names that have this prefix and suffix, without them."""
    names = set()
    for stem in stems:
        folder, name = os.path.split(stem)
        if name.startswith(prefix) and name.endswith(suffix) and len(name) > len(prefix) + len(suffix):
            names.add(f"{folder}/{name[len(prefix) : len(name) - len(suffix)]}")
    return names
