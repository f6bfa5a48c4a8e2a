"""Models of segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch): folders of
`save_pretrained`, and state dicts together with the arguments of the model."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from segbox.errors import CheckpointError, did_you_mean
from segbox.interop.folder import Folder, open_folder
from segbox.interop.imported import Imported, tell_notes
from segbox.interop.mmseg.part import Arguments
from segbox.interop.names import rename, tensor
from segbox.interop.smp_decoders import DECODERS, Decoder
from segbox.interop.smp_encoders import DEPTH, Encoder, encoder_of
from segbox.weights.loading import part_of

TYPE = "_model_class"  # in config.json
# Beside the decoder's, arguments of the pretrained encoder that `save_pretrained` keeps too.
WITHOUT_EFFECT = ("encoder_weights", "aux_params")
DEFAULT_DEPTH = {"PSPNet": 3}
DEFAULT_STRIDE = {"DeepLabV3": 8, "DeepLabV3Plus": 16}
REFUSED = {
    "MAnet": "its decoder by attention",
    "PAN": "its feature pyramid attention",
    "DPT": "its decoder for plain transformers",
    "UPerNet": "its layer norms on the maps, and corners that are aligned in the last resize only",
    "Segformer": "its map of stride 2, and corners that are aligned in the last resize only",
}


def read_smp(word: str, config: Mapping[str, Any] | None = None) -> Imported:
    """A folder of `save_pretrained`, a repository in this form (hf://OWNER/NAME), or a state dict with the arguments of
    its model: {"_model_class": "Unet", "encoder_name": "resnet34", "classes": 2}."""
    folder = open_folder(word, needs_config=config is None)
    imported = convert_smp(folder.config if config is None else config, folder.weights(), folder)
    return tell_notes(imported, str(word))


def convert_smp(config: Mapping[str, Any], weights: Mapping[str, Tensor], source: Folder | str) -> Imported:
    """The model of smp with these arguments and a state dict of it."""
    name = config.get(TYPE)
    if name in REFUSED:
        raise CheckpointError(f"{source}: segbox has no counterpart of smp's {name} ({REFUSED[name]})")
    if name not in DECODERS:
        raise CheckpointError(
            f"{source}: {TYPE} is {name!r}.{did_you_mean(name, DECODERS)} segbox has {', '.join(DECODERS)}"
        )
    values = {key: value for key, value in config.items() if not key.startswith("_") and key not in WITHOUT_EFFECT}
    args = Arguments(name, values)
    depth = args.take("encoder_depth", DEFAULT_DEPTH.get(name, DEPTH))
    stride = args.take("encoder_output_stride", DEFAULT_STRIDE[name]) if name in DEFAULT_STRIDE else None
    if depth not in range(2, DEPTH + 1):
        raise CheckpointError(f"{source}: encoder_depth {depth!r} has no counterpart in segbox; it has 2 to {DEPTH}")
    if stride not in (None, 8, 16):
        raise CheckpointError(f"{source}: encoder_output_stride {stride!r} is none of 8, 16")
    encoder = encoder_of(args.take("encoder_name", "resnet34"), depth, stride, source)
    decoder = DECODERS[name](args, depth, encoder)
    refuse_upsampling(decoder, depth, stride, source)
    channels, classes, activation = args.take("in_channels", 3), args.take("classes", 1), args.take("activation")
    args.refuse_rest()
    weights = part_of(weights, "model.")  # as Lightning writes them
    check_classes(classes, weights, source)
    rules = {**encoder.rules, **decoder.rules, r"classification_head\..+": None}
    return Imported(
        model=model_of(encoder, decoder, channels, classes),
        weights=rename(weights, rules, source),
        origin=f"segmentation_models_pytorch's {name} on {encoder.name}",
        test=dict(mode="whole"),
        licence=getattr(source, "licence", None),
        notes=notes_of(encoder, channels, classes, activation, config),
    )


def model_of(encoder: Encoder, decoder: Decoder, channels: int, classes: int) -> dict[str, Any]:
    """One class is the log-odds of the second of two."""
    backbone = dict(encoder.config) if channels == 3 else {**encoder.config, "in_channels": channels}
    head = dict(decoder.head) if classes > 1 else {**decoder.head, "out_channels": 1}
    model: dict[str, Any] = dict(
        type="EncoderDecoder", backbone=backbone, decode_head=head, num_classes=max(2, classes)
    )
    if decoder.neck is not None:
        model["neck"] = dict(decoder.neck)
    if decoder.upsampling != 1:
        model["align_corners"] = True
    unknown = dict(mean=(0.0,) * channels, std=(255.0,) * channels)
    return model | (dict(encoder.normalization) if channels == 3 else unknown)


def refuse_upsampling(decoder: Decoder, depth: int, stride: int | None, source: object) -> None:
    """smp lets its users make maps of another size than the images'; ours have theirs."""
    whole = {"SMPPSPHead": 2**depth, "DeepLabV3Head": stride}.get(decoder.head["type"], 4)
    if decoder.upsampling not in (0, 1, whole):
        raise CheckpointError(
            f"{source}: upsampling={decoder.upsampling} makes maps of another size than the images', which segbox"
            f" cannot; {whole} makes equal ones"
        )


def check_classes(classes: int, weights: Mapping[str, Tensor], source: object) -> None:
    found = len(tensor(weights, "segmentation_head.0.bias", source))
    if found != classes:
        raise CheckpointError(f"{source}: the weights are for {found} classes, its config says classes={classes}")


def notes_of(
    encoder: Encoder, channels: int, classes: int, activation: Any, config: Mapping[str, Any]
) -> tuple[str, ...]:
    normalization = "as for its encoder's own weights" if channels == 3 else "divided by 255"
    notes = [
        f"smp does not say how images were normalized, and {normalization} is assumed: otherwise, set model.mean and"
        " model.std (of bytes)",
        *encoder.notes,
    ]
    if activation not in (None, "identity"):
        notes.append(f"smp's activation {activation!r} is left out: segbox's models give logits")
        if classes > 1 and activation == "sigmoid":
            notes.append("Classes that overlap in smp do not in segbox, which takes the class of the highest score")
    if config.get("aux_params"):
        notes.append("smp's classification head is left out")
    return tuple(notes)
