"""torchvision's segmentation models (https://docs.pytorch.org/vision/stable/models.html#semantic-segmentation)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError, did_you_mean
from segbox.interop.imported import Imported, tell_notes
from segbox.interop.names import NORM, Rules, rename, tensor
from segbox.weights.loading import read_weights
from segbox.weights.mean_std import IMAGENET
from segbox.weights.sources.find import WeightFile, find_weights

SCHEME = "torchvision://"
SHORT_SIDE = 520  # of the images that the published weights are for
RATES = (12, 24, 36)  # of ASPP, at any stride of the backbone
R50, R101 = ({"type": "ResNet", "variant": variant, "output_stride": 8} for variant in ("50", "101"))
V3 = {"type": "MobileNetV3", "variant": "large", "output_stride": 16, "taps": "first"}
FCN, DEEPLAB, LRASPP = {"type": "FCNHead"}, {"type": "DeepLabV3Head", "rates": RATES}, {"type": "LRASPPHead"}
# name: (backbone, head, map that the auxiliary head reads)
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any], int | None]] = {
    "fcn_resnet50": (R50, FCN, -2),
    "fcn_resnet101": (R101, FCN, -2),
    "deeplabv3_resnet50": (R50, DEEPLAB, -2),
    "deeplabv3_resnet101": (R101, DEEPLAB, -2),
    "deeplabv3_mobilenet_v3_large": (V3, DEEPLAB, 2),
    "lraspp_mobilenet_v3_large": (V3, LRASPP, None),
}
BACKBONE_RULES = {
    "ResNet": {r"backbone\.(.+)": r"backbone.\1"},
    "MobileNetV3": {r"backbone\.(.+)": r"backbone.features.\1"},
}
FCN_RULES = {
    r"0\.weight": "convs.0.conv.weight",
    rf"1\.{NORM}": r"convs.0.norm.\1",
    r"4\.(weight|bias)": r"classify.\1",
}
HEAD_RULES: dict[str, Rules] = {
    "FCNHead": FCN_RULES,
    "DeepLabV3Head": {
        r"0\.convs\.0\.0\.weight": "pyramid.point.conv.weight",
        rf"0\.convs\.0\.1\.{NORM}": r"pyramid.point.norm.\1",
        **{rf"0\.convs\.{i + 1}\.0\.weight": f"pyramid.atrous.{i}.conv.weight" for i in range(len(RATES))},
        **{rf"0\.convs\.{i + 1}\.1\.{NORM}": rf"pyramid.atrous.{i}.norm.\1" for i in range(len(RATES))},
        r"0\.convs\.4\.1\.weight": "pyramid.image.1.conv.weight",
        rf"0\.convs\.4\.2\.{NORM}": r"pyramid.image.1.norm.\1",
        r"0\.project\.0\.weight": "pyramid.project.conv.weight",
        rf"0\.project\.1\.{NORM}": r"pyramid.project.norm.\1",
        r"1\.weight": "fuse.conv.weight",
        rf"2\.{NORM}": r"fuse.norm.\1",
        r"4\.(weight|bias)": r"classify.\1",
    },
    "LRASPPHead": {
        r"cbr\.0\.weight": "reduce.conv.weight",
        rf"cbr\.1\.{NORM}": r"reduce.norm.\1",
        r"scale\.1\.weight": "gate.1.weight",
        r"low_classifier\.(weight|bias)": r"classify_fine.\1",
        r"high_classifier\.(weight|bias)": r"classify.\1",
    },
}
# Of the published weights, which were trained on COCO's images with these classes of PASCAL VOC.
NAMES = """
background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person
pottedplant sheep sofa train tvmonitor"""
CLASSES = tuple(NAMES.split())
PALETTE = tuple(  # VOC's: the bits of an id, dealt to red, green and blue in turn, highest bit of a colour first
    tuple(sum((i >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3))
    for i in range(len(CLASSES))
)


def read_torchvision(file: str | WeightFile, name: str | None = None) -> Imported:
    """A model by its word ("torchvision://fcn_resnet50"), or, with its `name`, from a file of your own training."""
    word = file.word if isinstance(file, WeightFile) else str(file)
    is_published = word.startswith(SCHEME)
    name = name or (word.removeprefix(SCHEME).partition(".")[0] if is_published else None)
    if name not in MODELS:
        asked = f"there is no {name!r}.{did_you_mean(name, MODELS)}" if name else "a state dict does not say its model."
        raise CheckpointError(f"{word}: {asked} torchvision's segmentation models are {', '.join(MODELS)}")
    found = file if isinstance(file, WeightFile) else find_weights(file)
    licence = found.licence or ("BSD-3-Clause" if is_published else None)
    imported = convert_torchvision(name, read_weights(found.path), word, licence)
    return tell_notes(with_classes(imported, name) if is_published else imported, word)


def with_classes(imported: Imported, name: str) -> Imported:
    """What is known of the published weights alone."""
    if imported.model["num_classes"] != len(CLASSES):
        raise CheckpointError(f"torchvision://{name}: expected the published weights of {len(CLASSES)} classes")
    return replace(
        imported,
        classes=CLASSES,
        palette=PALETTE,
        dataset="coco_voc",
        pipeline=(dict(type="Resize", short=SHORT_SIDE),),
        notes=(f"torchvision scores {name} on images and labels resized to a short side of {SHORT_SIDE} pixels",),
    )


def convert_torchvision(name: str, weights: Mapping[str, Tensor], source: str, licence: str | None = None) -> Imported:
    """The model `name` of `MODELS` with a state dict of it."""
    backbone, head, auxiliary_level = MODELS[name]
    rules = dict(BACKBONE_RULES[backbone["type"]]) | prefixed("classifier", "decode_head", HEAD_RULES[head["type"]])
    last = "high_classifier" if head is LRASPP else "4"
    num_classes = len(tensor(weights, f"classifier.{last}.bias", source))
    model = dict(
        type="EncoderDecoder", backbone=dict(backbone), decode_head=dict(head), num_classes=num_classes, **IMAGENET
    )
    if auxiliary_level is not None:
        rules |= prefixed("aux_classifier", "auxiliary_heads.0", FCN_RULES)
    if any(key.startswith("aux_classifier.") for key in weights):
        loss = dict(type="CrossEntropyLoss", loss_weight=0.5)
        model["auxiliary_head"] = dict(type="FCNHead", level=auxiliary_level, loss=loss)
    renamed = rename(weights, rules, source)
    return Imported(model, renamed, f"torchvision's {name}", test=dict(mode="whole"), licence=licence)


def prefixed(theirs: str, ours: str, rules: Rules) -> dict[str, str | None]:
    """The rules of a part, for its place in the whole model."""
    return {rf"{theirs}\.{pattern}": new and f"{ours}.{new}" for pattern, new in rules.items()}
