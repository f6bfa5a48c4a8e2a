"""Write a first config for a folder that `inspect_folder` has read."""

from collections import defaultdict

import numpy as np

from segbox.data.datasets.pairs import first_few
from segbox.doctor.inspect_folder import Folder
from segbox.doctor.layout import Arguments, name_in_list
from segbox.doctor.report import class_fractions
from segbox.doctor.scan import Scan
from segbox.doctor.summary import SplitSummary, rounded
from segbox.errors import DataError, is_printable, printable
from segbox.literals import as_source
from segbox.machine import cores

STEP = 32  # sides of crops are multiples of the largest stride
LARGEST_CROP = 512
SMALLEST_CROP = 64
TOO_LARGE = 2_000_000  # pixels of an image from which evaluation uses sliding windows
VAL_SHARE = 0.2
FILES = ("images", "annotations", "image_prefix", "image_suffix", "label_prefix", "label_suffix")
COMMON = ("root", *FILES, "classes", "palette", "label_map", "channels", "bits", "exif")
ORDER = ("root", "split", "split_file", *COMMON[1:])
DEFAULTS = {"images": "images", "annotations": "annotations", "label_suffix": ".png"}

Lists = dict[str, list[str]]


def split_names(found: Scan, arguments: Arguments, seed: int = 0) -> Lists:
    """A random split into "train" and "val". Identical images are kept together, so that none is in both."""
    groups = defaultdict(list)
    for pair, index in zip(found.pairs, found.indices):
        name = name_in_list(found.dataset.pairs[index][0], arguments)
        groups[pair.image.content or name.encode()].append(name)
    unlisted = [n for group in groups.values() for n in group if n != n.strip() or not all(map(is_printable, n))]
    if unlisted:
        raise DataError(
            f"{len(unlisted)} names of images begin or end with spaces, or contain unprintable characters"
            f" ({first_few(unlisted)}), so a list cannot contain them. Rename them, or make folders train/ and val/"
        )
    if len(groups) < 2:
        raise DataError(f"{len(groups)} different image(s) cannot be split into train and val")
    order = [list(groups.values())[i] for i in np.random.default_rng(seed).permutation(len(groups))]
    count = min(max(1, round(VAL_SHARE * len(order))), len(order) - 1)
    return {
        "train": sorted(name for group in order[count:] for name in group),
        "val": sorted(name for group in order[:count] for name in group),
    }


def crop_size(split: SplitSummary) -> tuple[int, int]:
    """(height, width): the median of the images, at most 512, so that a batch fits into memory."""
    sides = np.array(list(split.sizes.elements()) or [(LARGEST_CROP, LARGEST_CROP)])
    middle = np.minimum(np.median(sides, axis=0), LARGEST_CROP).astype(int)
    return tuple(int(max(side // STEP * STEP, SMALLEST_CROP)) for side in middle)


def starter_config(
    folder: Folder,
    splits: dict[str, Arguments],
    bases: list[str],
    command: str,
    lists: dict[str, str] | None = None,
    weights: str | None = None,
) -> str:
    """The text of a config. `splits` has "train" and "val"; `lists` maps them to files beside the config; `weights` are
    the pretrained weights that "imagenet" means for the backbone.
    """
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
        f"crop_size = {size}  # height, width of the training crops\n",
        _data(folder, train, splits, shared, lists, batch_size),
        _model(folder, train, weights),
        _settings(train, size, steps),
    ]
    return "\n".join(part for part in parts if part)


def _head(folder: Folder, train: SplitSummary, command: str) -> str:
    lines = [f"{folder.layout.root.name}: {len(folder.classes)} classes. Written by segbox init.", ""]
    lines += [f"    {command}", "", f"Layout: {folder.layout.description}."]
    lines += [f"Note: {remark}." for remark in folder.remarks]
    # The escapes keep a folder's name from becoming code.
    text = "\n".join(map(printable, lines)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{text}\n"""\n'


def _names(folder: Folder, shared: Arguments, lists: dict[str, str] | None) -> str:
    here = "".join(
        f'{split}_names = str(Path(__file__).with_name("{name}"))\n' for split, name in (lists or {}).items()
    )
    split = folder.report.splits.get("train") or folder.report.splits["all"]
    lines = [f"data_root = {_source(shared['root'])}", "classes = ("]
    for i, (name, fraction) in enumerate(zip(folder.classes, class_fractions(split))):
        lines.append(f"    {_source(name)},  # {i}: {100 * fraction:.2f} % of the pixels")
    lines.append(")")
    if "palette" in shared:
        colours = [f"    {colour},  # {printable(name)}" for colour, name in zip(shared["palette"], folder.classes)]
        lines += ["palette = (  # from the file beside the data", *colours, ")"]
    if folder.label_map:
        lines.append(f"label_map = {as_source(folder.label_map)}  # id in the masks -> class, or 255 to ignore it")
    text = "\n".join(lines) + "\n"
    return here + text


def _data(
    folder: Folder,
    train: SplitSummary,
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
        if "palette" in own:
            own["palette"] = "${palette}"
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


def _pipeline(folder: Folder, train: SplitSummary) -> list[str]:
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


def _white(train: SplitSummary) -> float:
    """The largest level that the sensor's bits allow; for floats, the largest value found."""
    if train.read_bits == 32:
        return float(f"{train.largest:.3g}")
    return next(2**bits - 1 for bits in (10, 12, 14, 16) if train.largest < 2**bits)


def _model(folder: Folder, train: SplitSummary, weights: str | None) -> str:
    lines = []
    if weights is not None:
        lines.append(f'    backbone_weights="imagenet",  # {weights}; None begins at random')
    if folder.channels != 3:
        lines.append(f"    backbone=dict(in_channels={folder.channels}),")
    if folder.channels != 3 or folder.bits != 8:
        mean, std = rounded(train.mean), rounded(np.where(train.std > 0, train.std, 1.0))
        lines += [f"    mean={mean},  # measured, in the units of the files", f"    std={std},"]
    return "\n".join(["model = dict(", *lines, ")", ""]) if lines else ""


def _settings(train: SplitSummary, size: tuple[int, int], steps: int) -> str:
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
    """As Python source with double quotes, like the other configs."""
    text = as_source(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text
