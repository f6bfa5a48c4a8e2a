"""DDRNet and PIDNet. Each has one head in mmsegmentation; an output of it that is only trained is an auxiliary head."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, dropout, rearranges, renamed, same

VARIANTS = {  # channels, ppm_channels, num_stem_blocks, num_branch_blocks
    "s": (32, 96, 2, 3),
    "m": (64, 96, 2, 3),
    "l": (64, 112, 3, 4),
}
DDR_PLACES = {"decode_head.aux_head.": "auxiliary_head.head.", "decode_head.aux_cls_seg.": "auxiliary_head.conv_seg."}
PID_PLACES = {"decode_head.p_head.": "auxiliary_head.head.", "decode_head.p_cls_seg.": "auxiliary_head.conv_seg."}
NORM = {".bn.": ".norm."}
OF_HEAD = {  # DDRNet's names and those of PIDNet's p_head
    "head.0.bn.": "convolve.0.norm.",
    "head.0.conv.": "convolve.0.conv.",
    "head.1.": "convolve.1.",
    "head.conv.bn.": "convolve.0.norm.",
    "head.conv.conv.": "convolve.0.conv.",
    "head.norm.": "convolve.1.",
    "conv_seg.": "classify.",
}
OF_PID_HEAD = {
    "i_head.conv.": "convolve.0.",
    "i_head.norm.": "convolve.1.",
    "d_head.conv.": "find_borders.0.",
    "d_head.norm.": "find_borders.1.",
    "d_cls_seg.": "find_borders.3.",
    "conv_seg.": "classify.",
}


@rearranges("DDRNet")
def rearrange_ddrnet(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    return with_auxiliary_head(model, "DDRHead", weights=(0, 1)), DDR_PLACES


@rearranges("PIDNet")
def rearrange_pidnet(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    return with_auxiliary_head(model, "PIDHead", weights=(1, 0)), PID_PLACES


def with_auxiliary_head(model: Mapping[str, Any], kind: str, weights: tuple[int, int]) -> dict[str, Any]:
    """`weights`: which of the head's losses are those of the decode head and of the auxiliary head."""
    backbone, head = dict(model["backbone"]), model["decode_head"]
    is_known = isinstance(head, Mapping) and str(head.get("type")).removeprefix("mmseg.") == kind
    if not is_known or model.get("auxiliary_head") is not None:
        raise ConfigError(f"model: segbox has a {kind} on this backbone, and no auxiliary head beside it")
    if backbone.pop("align_corners", False):
        raise ConfigError("model.backbone.align_corners: True has no counterpart in segbox, only False")
    losses = head.get("loss_decode")
    losses = losses if isinstance(losses, list | tuple) else [losses] * 2
    own, other = ({**head, "loss_decode": losses[i]} for i in weights)
    auxiliary = {**other, "type": "DDRHead", "in_index": 0, "dropout_ratio": head.get("dropout_ratio", 0.0)}
    if kind == "PIDHead":
        auxiliary["dropout_ratio"] = 0.0
    return {**model, "backbone": backbone, "decode_head": own, "auxiliary_head": auxiliary}


@converts("DDRNet")
def convert_ddrnet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    args.expect("channels", 32, 64)
    args.expect("ppm_channels", 128)
    variant = "23" if args.take("channels", 32) == 64 else "23-slim"
    inside = {**NORM, ".downsample.0.": ".downsample.conv.", ".downsample.1.": ".downsample.norm."}
    config = {"type": "DDRNet", "variant": variant}
    return Part(config, lambda weights: renamed(weights, {}, inside), levels={0: -2, 1: -1})


@converts("PIDNet")
def convert_pidnet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    names = ("channels", "ppm_channels", "num_stem_blocks", "num_branch_blocks")
    given = tuple(args.take(name, default) for name, default in zip(names, (64, 96, 2, 3)))
    variant = next((name for name, own in VARIANTS.items() if same(given, own)), None)
    if variant is None:
        raise ConfigError(f"{args.path}: segbox has PIDNet-{', -'.join(VARIANTS)}; this is another one")
    config = {"type": "PIDNet", "variant": variant}
    return Part(config, lambda weights: renamed(weights, {}), levels={0: -3, 1: -2, 2: -1})


@converts("DDRHead")
def convert_ddr_head(args: Arguments, maps: Maps) -> Part:
    config = {
        "type": "DDRHead",
        "level": maps.level(args),
        "channels": args.take("channels"),
        "dropout": dropout(args),
    }
    return Part(config, lambda weights: renamed(weights, OF_HEAD, inside={}))


@converts("PIDHead")
def convert_pid_head(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    config = {"type": "PIDHead", "channels": args.take("channels"), "dropout": dropout(args)}
    return Part(config, lambda weights: renamed(weights, OF_PID_HEAD))
