"""ICNet. Its neck is a part of our backbone."""

from collections.abc import Mapping
from typing import Any

import torch

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, is_plain_norm, rearranges, renamed

from .resnet import convert_resnet

PLACES = {"neck.": "backbone.neck."}
NAMES = {
    "backbone.": "resnet.",
    "conv_sub1.": "light.",
    "conv_sub2.": "middle.",
    "conv_sub4.": "coarse.",
    "psp_modules.": "pyramid.levels.",
    "psp_bottleneck.": "mix.",
    "neck.cff_24.conv_low.": "add_middle.coarse.",
    "neck.cff_24.conv_high.": "add_middle.fine.",
    "neck.cff_12.conv_low.": "add_fine.coarse.",
    "neck.cff_12.conv_high.": "add_fine.fine.",
}
POOL_SCALES = (1, 2, 3, 6)
PYRAMID = 512  # channels of each of its levels


@rearranges("ICNet")
def rearrange(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    rest, neck = dict(model), model.get("neck")
    rest.pop("neck", None)
    if not isinstance(neck, Mapping) or neck.get("type") != "ICNeck":
        raise ConfigError("model.neck: segbox's ICNet has an ICNeck")
    return {**rest, "backbone": {**model["backbone"], "neck": neck}}, PLACES


@converts("ICNet")
def convert_icnet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    args.skip("layer_channels")  # they follow from the ResNet
    args.expect("light_branch_middle_channels", 32)
    args.expect("psp_out_channels", PYRAMID)
    args.expect("out_channels", (64, 256, 256))
    args.expect("pool_scales", POOL_SCALES)
    variant = variant_of(Arguments(f"{args.path}.backbone_cfg", args.take("backbone_cfg")))
    check_neck(Arguments("model.neck", args.take("neck")), args.values.get("align_corners", False))
    return Part({"type": "ICNet", "variant": variant}, rename, levels={0: -3, 1: -2, 2: -1})


def variant_of(args: Arguments) -> str:
    take_norm(args)
    found = convert_resnet(args, Maps({})).config
    args.refuse_rest()
    expected = {"type": "ResNet", "variant": found["variant"], "stem": "C", "output_stride": 8, "dilate_second": False}
    if {"dilate_second": False, **found} != expected:
        raise ConfigError(f"{args.path}: segbox's ICNet has a ResNetV1c of stride 8: strides (1, 2, 1, 1)")
    return found["variant"]


def check_neck(args: Arguments, align_corners: bool) -> None:
    take_norm(args)
    args.skip("in_channels")
    args.expect("out_channels", 128)
    if args.values.get("align_corners", False) != align_corners:
        raise ConfigError(f"{args.path}.align_corners: it must be that of the backbone, {align_corners}")
    args.refuse_rest()


def take_norm(args: Arguments) -> None:
    if is_plain_norm(args.values.get("norm_cfg", {"type": "BN"})):
        args.take("norm_cfg")


def rename(weights: Weights) -> Weights:
    """The map is the last of the pyramid's parts in mmsegmentation and the first in ours: another order of channels."""
    weights, name = renamed(weights, NAMES), "mix.conv.weight"
    if name in weights:
        weights[name] = torch.roll(weights[name], -PYRAMID * len(POOL_SCALES), dims=1)
    return weights
