"""The text of the config that `segbox init` writes: every choice with its reason beside it."""

from dataclasses import dataclass

import numpy as np

from segbox.doctor.inspect_folder import Folder
from segbox.doctor.layout import Arguments
from segbox.doctor.summary import SplitSummary, rounded
from segbox.errors import printable
from segbox.literals import as_source
from segbox.machine import cores
from segbox.starter.fingerprint import Fingerprint, training_split
from segbox.starter.plan import Plan
from segbox.starter.recipes import Recipe
from segbox.starter.start import Start

FILES = ("images", "annotations", "image_prefix", "image_suffix", "label_prefix", "label_suffix")
COMMON = ("root", *FILES, "classes", "palette", "label_map", "channels", "bits", "exif")
ORDER = ("root", "split", "split_file", *COMMON[1:])
DEFAULTS = {"images": "images", "annotations": "annotations", "label_suffix": ".png"}
SAME_CAMERA, MANY_CAMERAS = (0.75, 1.5), (0.5, 2.0)  # scales in training
WIDEST_EMA, LONGEST_EMA = 0.9, 0.999


@dataclass(frozen=True)
class Parts:
    """What a config is written from. `splits` has "train" and "val"; `lists` maps them to files beside the config."""

    folder: Folder
    facts: Fingerprint
    splits: dict[str, Arguments]
    start: Start
    lists: dict[str, str] | None = None
    device_type: str = "cpu"
    flips: bool = False  # images are predicted mirrored too


def config_text(parts: Parts, bases: list[str], plan: Plan, reasons: str) -> str:
    """`bases` are the paths of its bases, `reasons` lines for the docstring."""
    splits = parts.splits
    both = splits["train"].keys() & splits["val"].keys()
    shared = {key: splits["train"][key] for key in COMMON if key in both and splits["train"][key] == splits["val"][key]}
    height, width = plan.setup.crop
    texts = [
        _head(parts.folder, reasons),
        "from pathlib import Path\n" if parts.lists else "",
        "_base_ = [\n" + "".join(f"    {_source(base)},\n" for base in bases) + "]\n",
        _names(parts.folder, shared, parts.lists),
        f"crop_size = ({height}, {width})  # height, width of the training crops: their area is the time of a step\n",
        _data(parts, plan, shared),
        _model(parts, plan),
        _optimizer(plan),
        _settings(parts, plan),
    ]
    return "\n".join(text for text in texts if text)


def _head(folder: Folder, reasons: str) -> str:
    lines = [f"{folder.layout.root.name}: {len(folder.classes)} classes. Written by segbox init.", ""]
    lines += [*reasons.splitlines(), "", f"Layout: {folder.layout.description}."]
    lines += [f"Note: {remark}." for remark in folder.remarks]
    # The escapes keep a folder's name from becoming code.
    text = "\n".join(map(printable, lines)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{text}\n"""\n'


def _names(folder: Folder, shared: Arguments, lists: dict[str, str] | None) -> str:
    here = "".join(
        f'{split}_names = str(Path(__file__).with_name("{name}"))\n' for split, name in (lists or {}).items()
    )
    facts = zip(folder.classes, training_split(folder).pixels / max(training_split(folder).labelled, 1))
    lines = [f"data_root = {_source(shared['root'])}", "classes = ("]
    lines += [f"    {_source(name)},  # {i}: {100 * part:.2f} % of the pixels" for i, (name, part) in enumerate(facts)]
    lines.append(")")
    if "palette" in shared:
        colours = [f"    {colour},  # {printable(name)}" for colour, name in zip(shared["palette"], folder.classes)]
        lines += ["palette = (  # from the file beside the data", *colours, ")"]
    if folder.label_map:
        lines.append(f"label_map = {as_source(folder.label_map)}  # id in the masks -> class, or 255 to ignore it")
    return here + "\n".join(lines) + "\n"


def _data(parts: Parts, plan: Plan, shared: Arguments) -> str:
    lines = ["data = dict("]
    for split in ("train", "val"):
        own = {**shared, "root": "${data_root}", "classes": "${classes}"}
        own |= {key: value for key, value in parts.splits[split].items() if key not in shared}
        if parts.folder.label_map:
            own["label_map"] = "${label_map}"
        if "palette" in own:
            own["palette"] = "${palette}"
        if parts.lists:
            own["split_file"] = f"${{{split}_names}}"
        lines += [f"    {split}=dict(", '        type="FolderDataset",']
        own = {key: own[key] for key in ORDER if key in own and own[key] != DEFAULTS.get(key)}
        lines += [f"        {key}={_source(value)}," for key, value in own.items()]
        lines += _pipeline(parts, plan) if split == "train" else ["        pipeline=[],"]
        lines.append("    ),")
    workers = max(1, min(4, cores() // 2)) if parts.device_type == "cpu" else min(8, cores())
    lines += [
        f"    batch_size={plan.setup.batch},  # the learning rate is for this batch",
        "    val_batch_size=1,",
        f"    workers={workers},",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _pipeline(parts: Parts, plan: Plan) -> list[str]:
    facts, scale = parts.facts, plan.setup.scale
    low, high = (float(f"{scale * side:.3g}") for side in (SAME_CAMERA if facts.has_one_size else MANY_CAMERAS))
    why = "  # thin classes: images are enlarged" if scale > 1 else ""
    crop = "" if facts.is_binary else ", cat_max_ratio=0.75"
    transforms = [
        f'dict(type="RandomResize", ratio_range=({low}, {high})),{why}',
        f'dict(type="RandomCrop", size="${{crop_size}}"{crop}),',
        'dict(type="RandomFlip"),',
    ]
    if facts.channels == 3:
        white = "" if facts.bits == 8 else f", white={_white(training_split(parts.folder))}"
        transforms.append(f'dict(type="PhotoMetricDistortion"{white}),')
    return ["        pipeline=[", *(f"            {line}" for line in transforms), "        ],"]


def _white(train: SplitSummary) -> float:
    """The largest level that the sensor's bits allow; for floats, the largest value found."""
    if train.read_bits == 32:
        return float(f"{train.largest:.3g}")
    return next(2**bits - 1 for bits in (10, 12, 14, 16) if train.largest < 2**bits)


def _model(parts: Parts, plan: Plan) -> str:
    start, facts, recipe = parts.start, parts.facts, plan.setup.recipe
    lines = []
    if start.word is not None:
        note = f"{start.note}; " if start.note else ""
        lines.append(f"    backbone_weights={_source(start.word)},  # {note}None begins at random")
    if recipe.frozen_stages and parts.device_type == "cpu" and facts.is_rgb and start.is_known:
        lines.append(f"    freeze_stages={recipe.frozen_stages},  # edges and colours as in the weights: faster steps")
    if facts.channels != 3:
        lines.append(f"    backbone=dict(in_channels={facts.channels}),")
    lines += _mean_and_std(parts)
    lines += _decode_head(parts, recipe)
    return "\n".join(["model = dict(", *lines, ")", ""]) if lines else ""


def _decode_head(parts: Parts, recipe: Recipe) -> list[str]:
    lines = []
    if recipe.has_pyramid:
        lines.append('        image_window="${crop_size}",  # at prediction, the image mean is that of a crop\'s size')
    if recipe.lr is not None and parts.facts.is_imbalanced:
        ratio = f"{parts.facts.imbalance:.3g}"
        lines.append(f"        # The rarest class has {ratio} times fewer pixels than the most frequent.")
        lines.append('        loss=dict(class_weight="sqrt", logit_adjustment=0.5),')
    return ["    decode_head=dict(", *lines, "    ),"] if lines else []


def _mean_and_std(parts: Parts) -> list[str]:
    start, train = parts.start, training_split(parts.folder)
    if start.mean is not None:
        return [f"    mean={_numbers(start.mean)},  # of the weights", f"    std={_numbers(start.std)},"]
    if not parts.facts.is_rgb:
        mean, std = rounded(train.mean), rounded(np.where(train.std > 0, train.std, 1.0))
        return [f"    mean={mean},  # measured, in the units of the files", f"    std={std},"]
    if start.word is not None and not start.is_known:
        return [
            "    mean=None,  # of the weights: None is what their file says, else ImageNet's; TensorFlow's have 127.5",
            "    std=None,",
        ]
    return []


def _numbers(values: tuple[float, ...]) -> object:
    return values[0] if len(values) == 1 else tuple(values)


def _optimizer(plan: Plan) -> str:
    recipe = plan.setup.recipe
    if recipe.lr is None:
        return ""
    return (
        f"optimizer = dict(lr={recipe.rate(plan.setup.batch)}, head_lr_mult={recipe.head_lr_mult})"
        "  # AdamW; the head begins at random\n"
    )


def _settings(parts: Parts, plan: Plan) -> str:
    setup, steps = plan.setup, plan.steps
    ema = min(max(WIDEST_EMA, 1 - 5 / steps), LONGEST_EMA)
    return "\n".join(
        [
            "train = dict(",
            f"    max_steps={steps},",
            f"    precision={_source(setup.amp or 'fp32')},  # the faster precision here",
            f"    channels_last={setup.channels_last},  # the faster memory format here",
            ")",
            *_test(parts, plan),
            "hooks = dict(",
            f'    lr_schedule=dict(type="PolyLR", power=0.9, warmup_steps={min(500, max(1, steps // 20))}),',
            f'    ema=dict(type="EMA", momentum={ema:.4g}),  # the mean of the last weights is scored and saved',
            f"    log=dict(interval={max(1, min(50, steps // 10))}),",
            f"    evaluate=dict(interval={plan.interval}),  # {plan.evaluations} time(s), the last after the last step",
            f"    checkpoint=dict(interval={plan.interval}),",
            ")",
            "",
        ]
    )


def _test(parts: Parts, plan: Plan) -> list[str]:
    setup, lines = plan.setup, []
    if parts.facts.is_large:
        stride = tuple(2 * side // 3 for side in setup.crop)
        lines.append(f'    mode="slide",  # the images are large\n    window={setup.crop},\n    stride={stride},')
    if setup.scale != 1:
        lines.append(f"    scales=({setup.scale},),  # as in training: thin classes are found when enlarged")
    if setup.recipe.lr is not None:
        lines.append(f"    divisor={setup.recipe.stride},  # images are filled up to whole cells of the coarsest map")
    if parts.flips:
        lines.append("    flip=True,  # the mean with the mirrored image: a little better, twice as slow")
    return ["test = dict(", *lines, ")"] if lines else []


def _source(value: object) -> str:
    """As Python source with double quotes, like the other configs."""
    text = as_source(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text
