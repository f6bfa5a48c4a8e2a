"""A config to begin with, written for a folder that was looked at."""

import os
from collections import defaultdict

import numpy as np

from segbox.data.datasets.pairs import first_few
from segbox.doctor.examine import Scan
from segbox.doctor.layout import Arguments
from segbox.doctor.onboard import Folder
from segbox.doctor.report import shares
from segbox.doctor.summary import Split, rounded
from segbox.errors import DataError, is_printable, printable
from segbox.literals import as_source
from segbox.machine import cores

STEP = 32  # crops are whole multiples: no head sees half a cell
LARGEST_CROP = 512
SMALLEST_CROP = 64
TOO_LARGE = 2_000_000  # pixels of an image that evaluation takes in windows
VAL_SHARE = 0.2
FILES = ("images", "annotations", "image_prefix", "image_suffix", "label_prefix", "label_suffix")
COMMON = ("root", *FILES, "classes", "label_map", "channels", "bits", "exif")
ORDER = ("root", "split", "split_file", *COMMON[1:])
DEFAULTS = {"images": "images", "annotations": "annotations", "label_suffix": ".png"}

Lists = dict[str, list[str]]


def split_names(found: Scan, arguments: Arguments, seed: int = 0) -> Lists:
    """Names for "train" and "val", drawn at random; equal images stay together, so that none is in both."""
    groups = defaultdict(list)
    prefix = arguments.get("image_prefix", "")
    for pair, place in zip(found.pairs, found.places):
        folder, file = os.path.split(found.dataset.image_files[place])
        suffix = arguments.get("image_suffix", os.path.splitext(file)[1])
        name = os.path.join(folder, file[len(prefix) : len(file) - len(suffix)])
        groups[pair.image.content or name.encode()].append(name)
    unlisted = [n for group in groups.values() for n in group if n != n.strip() or not all(map(is_printable, n))]
    if unlisted:
        raise DataError(
            f"{len(unlisted)} names of images begin or end with spaces, or hold what is no letter"
            f" ({first_few(unlisted)}): a list cannot name them. Rename them, or make folders train/ and val/"
        )
    if len(groups) < 2:
        raise DataError(f"{len(groups)} different image(s) cannot be split into train and val")
    order = [list(groups.values())[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    count = min(max(1, round(VAL_SHARE * len(order))), len(order) - 1)
    return {
        "train": sorted(name for group in order[count:] for name in group),
        "val": sorted(name for group in order[:count] for name in group),
    }


def crop_size(split: Split) -> tuple[int, int]:
    """(height, width): the middle image's, at most 512, so that a batch fits."""
    sides = np.array(list(split.sizes.elements()) or [(LARGEST_CROP, LARGEST_CROP)])
    middle = np.minimum(np.median(sides, axis=0), LARGEST_CROP).astype(int)
    return tuple(int(max(side // STEP * STEP, SMALLEST_CROP)) for side in middle)


def starter_config(
    folder: Folder, splits: dict[str, Arguments], bases: list[str], command: str, lists: dict[str, str] | None = None
) -> str:
    """The text of a config. `splits` has "train" and "val"; `lists` are files beside the config, by split."""
    train = folder.report.splits.get("train") or folder.report.splits["all"]
    images = train.images if "train" in folder.report.splits else round((1 - VAL_SHARE) * train.images)
    batch_size = max(1, min(8, images))
    steps = int(np.clip(60 * -(-images // batch_size), 1000, 40_000)) // 100 * 100
    size = crop_size(train)
    both = splits["train"].keys() & splits["val"].keys()
    shared = {key: splits["train"][key] for key in COMMON if key in both and splits["train"][key] == splits["val"][key]}
    parts = [
        _head(folder, train, command),
        "from pathlib import Path\n" if lists else "",
        "_base_ = [\n" + "".join(f"    {_source(base)},\n" for base in bases) + "]\n",
        _names(folder, shared, lists),
        f"crop_size = {size}  # of the images in training\n",
        _data(folder, train, splits, shared, lists, batch_size),
        _model(folder, train),
        _settings(train, size, steps),
    ]
    return "\n".join(part for part in parts if part)


def _head(folder: Folder, train: Split, command: str) -> str:
    lines = [f"{folder.layout.root.name}: {len(folder.classes)} classes. Written by segbox init.", ""]
    lines += [f"    {command}", "", f"Layout: {folder.layout.description}."]
    lines += [f"Guessed: {remark}." for remark in folder.remarks]
    text = "\n".join(map(printable, lines)).replace("\\", "\\\\").replace('"', '\\"')  # a folder's name is no code
    return f'"""{text}\n"""\n'


def _names(folder: Folder, shared: Arguments, lists: dict[str, str] | None) -> str:
    here = "".join(
        f'{split}_names = str(Path(__file__).with_name("{name}"))\n' for split, name in (lists or {}).items()
    )
    split = folder.report.splits.get("train") or folder.report.splits["all"]
    lines = [f"data_root = {_source(shared['root'])}", "classes = ("]
    for i, (name, share) in enumerate(zip(folder.classes, shares(split))):
        lines.append(f"    {_source(name)},  # {i}: {100 * share:.2f} % of the pixels")
    lines.append(")")
    if folder.label_map:
        lines.append(f"label_map = {as_source(folder.label_map)}  # id in the masks -> class, 255 is ignored")
    text = "\n".join(lines) + "\n"
    return here + text


def _data(
    folder: Folder,
    train: Split,
    splits: dict[str, Arguments],
    shared: Arguments,
    lists: dict[str, str] | None,
    batch_size: int,
) -> str:
    lines = ["data = dict("]
    for split in ("train", "val"):
        own = {**shared, "root": "${data_root}", "classes": "${classes}"}
        own |= {key: value for key, value in splits[split].items() if key not in shared}
        if folder.label_map:
            own["label_map"] = "${label_map}"
        if lists:
            own["split_file"] = f"${{{split}_names}}"
        lines += [f"    {split}=dict(", '        type="FolderDataset",']
        own = {key: own[key] for key in ORDER if key in own and own[key] != DEFAULTS.get(key)}
        lines += [f"        {key}={_source(value)}," for key, value in own.items()]
        lines += _pipeline(folder, train) if split == "train" else ["        pipeline=[],"]
        lines.append("    ),")
    lines += [
        f"    batch_size={batch_size},",
        "    val_batch_size=1,",
        f"    workers={min(4, cores())},",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _pipeline(folder: Folder, train: Split) -> list[str]:
    crop = ", cat_max_ratio=0.75" if len(folder.classes) > 2 else ""
    transforms = [
        'dict(type="RandomResize", ratio_range=(0.5, 2.0)),',
        f'dict(type="RandomCrop", size="${{crop_size}}"{crop}),',
        'dict(type="RandomFlip"),',
    ]
    if folder.channels == 3:
        white = "" if folder.bits == 8 else f", white={_white(train)}"
        transforms.append(f'dict(type="PhotoMetricDistortion"{white}),')
    return ["        pipeline=[", *(f"            {line}" for line in transforms), "        ],"]


def _white(train: Split) -> float:
    """The largest level of a sensor of so many bits; of floats, the largest found."""
    if train.read_bits == 32:
        return float(f"{train.largest:.3g}")
    return next(2**bits - 1 for bits in (10, 12, 14, 16) if train.largest < 2**bits)


def _model(folder: Folder, train: Split) -> str:
    if folder.channels == 3 and folder.bits == 8:
        return ""
    mean, std = rounded(train.mean), rounded(np.where(train.std > 0, train.std, 1.0))
    lines = [f"    mean={mean},  # measured, in the units of the files", f"    std={std},"]
    if folder.channels != 3:
        lines.insert(0, f"    backbone=dict(in_channels={folder.channels}),")
    return "\n".join(["model = dict(", *lines, ")", ""])


def _settings(train: Split, size: tuple[int, int], steps: int) -> str:
    largest = max((height * width for height, width in train.sizes), default=0)
    interval = max(100, steps // 10)
    lines = [f"train = dict(max_steps={steps})"]
    if largest > TOO_LARGE:
        stride = tuple(2 * side // 3 for side in size)
        lines.append(f'test = dict(mode="slide", window={size}, stride={stride})  # the images are large')
    lines += [
        "hooks = dict(",
        f"    lr_schedule=dict(warmup_steps={min(100, steps // 10)}),",
        f"    evaluate=dict(interval={interval}),",
        f"    checkpoint=dict(interval={interval}),",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _source(value: object) -> str:
    """With the quotes that the rest of the configs have."""
    text = as_source(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text
