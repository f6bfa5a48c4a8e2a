"""PointRend's head, the last one of a cascade, with the FPNHead before it."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, rearranges, renamed

from .pyramids import convert_fpn_head, fpn_head_names

RELU = {"type": "ReLU"}


@rearranges("PointHead")
def rearrange(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """How points are chosen belongs to the head, not to the model's test_cfg and train_cfg."""
    heads = model["decode_head"]
    if not isinstance(heads, list | tuple):
        return dict(model), {}
    chosen = {name: model.get(name) or {} for name in ("test_cfg", "train_cfg")}
    return {**model, "decode_head": [*heads[:-1], {**heads[-1], **chosen}]}, {}


@converts("PointHead")
def convert_point(args: Arguments, maps: Maps) -> Part:
    if [one.values["type"] for one in args.earlier] != ["FPNHead"]:
        raise ConfigError(f"{args.path}: in segbox, a PointHead follows one FPNHead in a CascadeEncoderDecoder")
    if args.values.get("align_corners", False):
        raise ConfigError(f"{args.path}.align_corners: segbox's PointRend samples points without aligned corners")
    args.expect("in_index", [0])
    args.expect("coarse_pred_each_layer", True)
    args.expect("conv_cfg", {"type": "Conv1d"})
    args.expect("norm_cfg", None)
    args.expect("act_cfg", RELU, {**RELU, "inplace": False})
    args.skip("dropout_ratio")
    coarse = convert_fpn_head(args.earlier[0], maps).config
    config = {
        **coarse,
        "type": "PointRendHead",
        "point_channels": args.take("channels"),
        "num_layers": args.take("num_fcs", 3),
        **in_predictions(Arguments("model.test_cfg", args.take("test_cfg", {}))),
        **in_training(args.take("train_cfg", {})),
    }
    return Part(config, rename)


def in_predictions(args: Arguments) -> dict[str, int]:
    args.expect("scale_factor", 2)
    steps, points = args.take("subdivision_steps", 2), args.take("subdivision_num_points", 8196)
    return {"subdivisions": steps, "subdivision_points": points}


def in_training(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {"num_points": "train_points", "oversample_ratio": "oversampling"}
    names["importance_sample_ratio"] = "uncertain_share"
    return {ours: given[theirs] for theirs, ours in names.items() if theirs in given}


def rename(weights: Weights) -> Weights:
    """Layers of points are convolutions of a sequence there, of a map here."""
    names = {"1.fc_seg.": "points.classify."} | {f"0.{old}": f"coarse.{new}" for old, new in fpn_head_names().items()}
    names |= {f"1.fcs.{i}.conv.": f"points.layers.{i}." for i in range(count_of_layers(weights))}
    return {name: value[..., None] if value.dim() == 3 else value for name, value in renamed(weights, names).items()}


def count_of_layers(weights: Weights) -> int:
    return sum(name.startswith("1.fcs.") and name.endswith(".weight") for name in weights)
