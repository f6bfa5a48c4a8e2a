"""An mmsegmentation config and its weights, in our terms. All is decided by the config, nothing by shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from segbox.errors import ConfigError, UserError, short
from segbox.interop.imported import Imported
from segbox.interop.mmseg.binary import is_binary, number_of_classes, with_threshold
from segbox.interop.mmseg.classes import classes_and_palette, shipped_dataset
from segbox.interop.mmseg.config_file import refuse_unreadable
from segbox.interop.mmseg.part import (
    REARRANGEMENTS,
    RESTATEMENTS,
    Arguments,
    Maps,
    Part,
    converters,
    is_plain_norm,
    renamed,
)
from segbox.interop.mmseg.settings import mean_std, notes_on, same_for_all, test_pipeline, test_section

SEGMENTORS = ("EncoderDecoder", "CascadeEncoderDecoder")
OF_MODEL = (  # what a model's dict may hold
    *("type", "data_preprocessor", "pretrained", "backbone", "neck", "decode_head", "auxiliary_head"),
    *("train_cfg", "test_cfg", "init_cfg", "num_stages"),
)


@dataclass(frozen=True)
class Placed:
    """A part, and the beginnings of its tensors' names in mmsegmentation's model and in ours."""

    part: Part
    args: Arguments
    theirs: str
    ours: str


def convert(
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    meta: Mapping[str, Any] | None = None,
    origin: str = "an mmsegmentation model",
) -> Imported:
    """The model of a config with the tensors of its state dict by our names. `meta` is that of its checkpoint."""
    model = config.get("model")
    if not isinstance(model, Mapping) or "decode_head" not in model:
        raise ConfigError("this is no config of mmsegmentation: it has no model with a backbone and a decode_head")
    refuse_unreadable(model, "model")
    decode = arguments_of(model["decode_head"], "model.decode_head")[-1]
    model, places = rearranged(model, decode.values)
    refuse_other_segmentors(model)
    num_classes = number_of_classes(decode)
    state, note = with_threshold(decode, {name.removeprefix("module."): value for name, value in state.items()})
    state = renamed(state, places, inside={}) if places else state
    placed = list(parts_of(model))
    own = {"type": "EncoderDecoder", **sections(placed), "num_classes": num_classes}
    if is_binary(decode.values):
        own["decode_head"]["out_channels"] = 1
    own |= {**mean_std(config), **model_wide(placed)}
    test = test_section(config)
    classes, palette = classes_and_palette(config, meta or {}, num_classes)
    weights, unused = rename(placed, state)
    return Imported(
        own,
        weights,
        origin,
        test,
        classes,
        palette,
        dataset=shipped_dataset(config, classes),
        pipeline=test_pipeline(config),
        notes=(*([note] if note else []), *notes_on(test, classes, unused)),
    )


def refuse_other_segmentors(model: Mapping[str, Any]) -> None:
    kind = bare(model.get("type"))
    if kind not in SEGMENTORS:
        raise ConfigError(f"model.type: {kind!r} has no counterpart in segbox; it has {' and '.join(SEGMENTORS)}")
    if "backbone" not in model:
        raise ConfigError("model: has no backbone")
    rest = [name for name in model if name not in OF_MODEL]
    if rest:
        raise ConfigError(f"model: segbox has no counterpart of {', '.join(rest)}")


def rearranged(model: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """A model whose parts are divided in another way than ours, divided as ours; and the new beginnings of names."""
    converters()
    backbone = mapping(model["backbone"], "model.backbone") if "backbone" in model else {}
    kinds = (backbone.get("type"), head.get("type"))
    rearrangement = next((found for kind in kinds if (found := REARRANGEMENTS.get(bare(kind)))), None)
    return (model, {}) if rearrangement is None else rearrangement(model)


def parts_of(model: Mapping[str, Any]) -> Iterator[Placed]:
    backbone = place(Arguments("model.backbone", mapping(model["backbone"], "model.backbone")), Maps({}), "backbone.")
    yield backbone
    levels = own_levels = backbone.part.levels
    if model.get("neck") is not None:
        neck = place(Arguments("model.neck", mapping(model["neck"], "model.neck")), Maps(levels), "neck.")
        yield neck
        levels, own_levels = neck.part.levels, neck.part.passes
    *earlier, args = arguments_of(model["decode_head"], "model.decode_head")
    if bool(earlier) != (bare(model["type"]) == "CascadeEncoderDecoder"):
        raise ConfigError("model.decode_head: a CascadeEncoderDecoder has a list of heads, an EncoderDecoder has one")
    args = Arguments(args.path, args.values, earlier)
    yield place(args, Maps(levels), "decode_head.")
    auxiliary = model.get("auxiliary_head")
    for i, args in enumerate(arguments_of(auxiliary, "model.auxiliary_head") if auxiliary else ()):
        theirs = "auxiliary_head." if isinstance(auxiliary, Mapping) else f"auxiliary_head.{i}."
        yield place(args, Maps(own_levels), theirs, f"auxiliary_heads.{i}.")


def arguments_of(heads: Any, path: str) -> list[Arguments]:
    """The arguments of one head, or of a list of heads."""
    if isinstance(heads, list | tuple) and heads:
        return [Arguments(f"{path}.{i}", restated(head, f"{path}.{i}")) for i, head in enumerate(heads)]
    return [Arguments(path, restated(heads, path))]


def restated(head: Any, path: str) -> Mapping[str, Any]:
    """A head's dict, with its classes and channels in the words of other heads."""
    converters()
    values = mapping(head, path)
    return RESTATEMENTS.get(bare(values["type"]), dict)(values)


def place(args: Arguments, maps: Maps, theirs: str, ours: str | None = None) -> Placed:
    """Convert one part. What all parts have in common is read here."""
    kind = bare(args.values.get("type"))
    known = converters()
    if kind not in known:
        raise ConfigError(f"{args.path}.type: {kind} has no counterpart in segbox")
    for one in (args, *args.earlier):
        one.values["type"] = bare(one.values.get("type"))
        read_common(one)
    try:
        part = known[kind](args, maps)
    except UserError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{args.path}: is no {kind} as mmsegmentation has it: {short(str(error) or error)}") from None
    for one in (args, *args.earlier):
        one.refuse_rest()
    return Placed(part, args, theirs, theirs if ours is None else ours)


def read_common(args: Arguments) -> None:
    """Read norms, activations and kinds of convolutions that are those of our layers. Others are left to the converter,
    which reads them, or they are refused."""
    is_head = "num_classes" in args.values
    if is_plain_norm(args.values.get("norm_cfg")):
        args.take("norm_cfg")
    elif is_head:
        args.rest.setdefault("norm_cfg", None)  # heads without a norm have other layers
    if args.values.get("act_cfg", {}) in ({"type": "ReLU"}, {"type": "ReLU", "inplace": True}):
        args.take("act_cfg")
    if args.values.get("conv_cfg") is None:
        args.take("conv_cfg")
    if is_head:
        args.take("in_channels")


def sections(placed: list[Placed]) -> dict[str, Any]:
    """backbone, neck, decode_head and auxiliary_head of our model."""
    own: dict[str, Any] = {}
    auxiliary = []
    for one in placed:
        config = dict(one.part.config)
        name = one.ours.split(".")[0]
        if "num_classes" in one.args.values:
            config |= weight_of_loss(one.args)
        if name == "auxiliary_heads":
            config |= {"out_channels": 1} if is_binary(one.args.values) else {}
            auxiliary.append(config)
        else:
            own[name] = config
    if auxiliary:
        own["auxiliary_head"] = auxiliary[0] if len(auxiliary) == 1 else auxiliary
    return own


def weight_of_loss(args: Arguments) -> dict[str, Any]:
    """The head's loss, where it has another weight than 1."""
    losses = args.values.get("loss_decode")
    losses = losses if isinstance(losses, list | tuple) else [losses]
    weights = [loss.get("loss_weight", 1.0) for loss in losses if isinstance(loss, Mapping)]
    is_weighted = weights and weights[0] != 1.0
    return {"loss": {"type": "CrossEntropyLoss", "loss_weight": weights[0]}} if is_weighted else {}


def model_wide(placed: list[Placed]) -> dict[str, Any]:
    """What parts ask of the model as a whole."""
    asked: dict[str, dict[str, Any]] = {"align_corners": {}}
    for one in placed:
        if one.ours.startswith("auxiliary_heads."):
            continue  # for the loss only
        if "num_classes" in one.args.values or "align_corners" in one.args.values:
            asked["align_corners"][one.args.path] = bool(one.args.values.get("align_corners", False))
        for name, value in one.part.model.items():
            asked.setdefault(name, {})[one.args.path] = value
    found = {name: same_for_all(name, values) for name, values in asked.items()}
    if not found["align_corners"]:
        del found["align_corners"]  # our default
    return found


def rename(placed: list[Placed], state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors by our names, and the names of those that belong to no part of the config."""
    left = dict(state)
    found: dict[str, Tensor] = {}
    for one in placed:
        own = {name.removeprefix(one.theirs): left.pop(name) for name in list(left) if name.startswith(one.theirs)}
        found |= {one.ours + name: value for name, value in one.part.rename(own).items()}
    return found, list(left)


def bare(kind: Any) -> str:
    """The type without its scope: "mmseg.PSPHead" is "PSPHead"."""
    return str(kind).removeprefix("mmseg.")


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or "type" not in value:
        raise ConfigError(f"{path}: expected dict(type=..., ...), got {value!r:.80}")
    return value
