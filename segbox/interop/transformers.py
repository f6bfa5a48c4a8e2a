"""Semantic segmentation models of Hugging Face's transformers (https://huggingface.co/docs/transformers): a repository
of the hub or a folder of `save_pretrained`, with the names of old and new versions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError
from segbox.interop.eomt import convert_eomt, is_eomt
from segbox.interop.folder import Folder, open_folder
from segbox.interop.imported import Imported, tell_notes
from segbox.interop.names import joined, rename, tensor
from segbox.interop.transformers_eomt import eomt, eomt_dinov3
from segbox.interop.transformers_masks import mask2former, maskformer
from segbox.interop.transformers_parts import Part, Settings, segformer, upernet
from segbox.interop.transformers_vit import beit, dpt

CONVERTERS: dict[str, Callable[[Settings], Part]] = {
    "SegformerForSemanticSegmentation": segformer,
    "UperNetForSemanticSegmentation": upernet,
    "Mask2FormerForUniversalSegmentation": mask2former,
    "MaskFormerForInstanceSegmentation": maskformer,
    "EomtForUniversalSegmentation": eomt,
    "EomtDinov3ForUniversalSegmentation": eomt_dinov3,
    "DPTForSemanticSegmentation": dpt,
    "BeitForSemanticSegmentation": beit,
}
REFUSED = {
    "Data2VecVisionForSemanticSegmentation": "a table of its tensors' names; the backbone BEiT is near",
    "MobileNetV2ForSemanticSegmentation": "TensorFlow's padding in its backbone, which depends on the image's size",
    "MobileViTForSemanticSegmentation": "its backbone, which resizes maps to whole patches",
    "MobileViTV2ForSemanticSegmentation": "its backbone, which resizes maps to whole patches",
    "OneFormerForUniversalSegmentation": "its text encoder",
}
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what the processors of these models have by default
SCALE = 1 / 255


def read_transformers(word: str) -> Imported:
    """A repository ("hf://nvidia/segformer-b0-finetuned-ade-512-512") or a folder."""
    folder = open_folder(word)
    weights = folder.weights()
    if is_eomt(weights):  # its authors' file beside a config of transformers
        found = convert_eomt(weights, folder, folder.licence)
        imported = replace(found, classes=classes_of(folder.config, found.model["num_classes"]))
    else:
        imported = convert_transformers(folder.config, weights, folder, folder.preprocessing)
    return tell_notes(imported, str(word))


def convert_transformers(
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    source: Folder | str,
    preprocessing: Mapping[str, Any] | None = None,
) -> Imported:
    """The model of a config.json with a state dict of it."""
    name = (config.get("architectures") or [None])[0]
    if name in REFUSED:
        raise CheckpointError(f"{source}: segbox has no counterpart of transformers' {name} ({REFUSED[name]})")
    if name not in CONVERTERS:
        known = ", ".join(CONVERTERS)
        raise CheckpointError(f"{source}: segbox has no counterpart of transformers' {name}; it has {known}")
    part = CONVERTERS[name](Settings(str(source), config))
    num_classes = len(tensor(weights, part.classifier, source)) - part.others
    mean, std, notes = normalization(preprocessing, source, bool(part.pipeline))
    model = dict(type="EncoderDecoder", **part.model, num_classes=max(2, num_classes), mean=mean, std=std)
    if num_classes == 1:  # the log-odds of the second of two
        model["decode_head"]["out_channels"] = 1
    return Imported(
        model=model,
        weights=part.finish(joined(rename(weights, part.rules, source))),
        origin=f"transformers' {name}",
        test=part.test,
        classes=classes_of(config, num_classes),
        licence=getattr(source, "licence", None),
        pipeline=part.pipeline,
        notes=(*part.notes, *notes),
    )


def classes_of(config: Mapping[str, Any], num_classes: int) -> tuple[str, ...] | None:
    """The names of `id2label`; None if it has only the placeholders of transformers."""
    labels = {str(key): str(value) for key, value in (config.get("id2label") or {}).items()}
    names = tuple(labels.get(str(i), "") for i in range(num_classes))
    is_named = len(labels) == num_classes > 1 and all(names) and len(set(names)) == num_classes
    return names if is_named and not all(name == f"LABEL_{i}" for i, name in enumerate(names)) else None


def normalization(
    preprocessing: Mapping[str, Any] | None, source: object, resizes: bool = False
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[str, ...]]:
    """Mean and std of bytes, and what is to be said about them."""
    notes = []
    own = preprocessing or {}
    if preprocessing is None:
        notes.append("there is no preprocessor_config.json: ImageNet's mean and std are assumed")
    if own.get("do_reduce_labels", own.get("reduce_labels")):
        notes.append(
            "Label files hold class + 1, with 0 for what is ignored (reduce_labels); predictions hold the class."
        )
    if own.get("do_resize", False) and not resizes and (size := own.get("size")):
        notes.append(f"transformers resizes images to {described(size)}, segbox takes them as they are")
    scale = own.get("rescale_factor", SCALE) if own.get("do_rescale", True) else 1.0
    mean, std = own.get("image_mean", IMAGENET[0]), own.get("image_std", IMAGENET[1])
    if not own.get("do_normalize", True):
        mean, std = (0.0,) * len(mean), (1.0,) * len(mean)
    if not scale or not all(isinstance(value, int | float) for value in (*mean, *std)):
        raise CheckpointError(f"{source}: preprocessor_config.json has no usable image_mean, image_std, rescale_factor")
    mean, std = (tuple(round(value / scale, 6) for value in values) for values in (mean, std))
    return mean, std, tuple(notes)


def described(size: Any) -> str:
    """A processor's size: a number, or a dict such as {"height": 512, "width": 512} or {"shortest_edge": 512}."""
    if isinstance(size, Mapping):
        return " and ".join(f"{name.replace('_', ' ')} {value}" for name, value in size.items())
    return str(size)
