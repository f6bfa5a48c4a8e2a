"""STDC. Its backbone holds what is our head, and its heads are parts of our head too."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, rearranges, renamed

from .bisenet import loss_weight
from .fcn import convert_fcn

VARIANTS = {"STDCNet1": "1", "STDCNet2": "2"}
HEADS = ("FCNHead", "FCNHead", "FCNHead", "STDCHead")  # of the fusion, of both contexts, of the detail
INDICES = (3, 2, 1, 0)  # the maps that they read
# The heads are the first of a cascade; the rest of the backbone is its last head.
PLACES = {
    "backbone.backbone.": "backbone.",
    "backbone.": "decode_head.4.",
    "decode_head.": "decode_head.0.",
    **{f"auxiliary_head.{i}.": f"decode_head.{i + 1}." for i in range(3)},
}
NAMES = {
    "4.conv_avg.": "context.whole.1.",
    **{f"4.arms.{i}.conv_layer.": f"context.attend.{i}.convolve." for i in range(2)},
    **{f"4.arms.{i}.atten_conv_layer.1.": f"context.attend.{i}.gate.1." for i in range(2)},
    **{f"4.convs.{i}.": f"context.smooth.{i}." for i in range(2)},
    "4.ffm.conv0.": "fuse.",
    "4.ffm.attention.1.conv.": "excite.fc1.",
    "4.ffm.attention.2.conv.": "excite.fc2.",
    "0.convs.0.": "convolve.",
    "0.conv_seg.": "classify.",
    "1.convs.0.": "classify_context.1.0.",
    "1.conv_seg.": "classify_context.1.1.",
    "2.convs.0.": "classify_context.0.0.",
    "2.conv_seg.": "classify_context.0.1.",
    "3.convs.0.": "find_detail.0.",
    "3.conv_seg.": "find_detail.1.",
}
CONSTANTS = ("3.laplacian_kernel", "3.fusion_kernel")  # of the loss


@rearranges("STDCContextPathNet")
def rearrange(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    own, head, auxiliary = dict(model["backbone"]), model["decode_head"], model.get("auxiliary_head")
    if not isinstance(head, Mapping) or not isinstance(auxiliary, list | tuple) or len(auxiliary) != 3:
        raise ConfigError("model: segbox's STDC has one decode_head and three auxiliary heads")
    shared = {name: head[name] for name in ("num_classes", "align_corners", "loss_decode") if name in head}
    heads = [head, *auxiliary, {"norm_cfg": {"type": "BN"}, **own, **shared}]
    backbone = heads[-1].pop("backbone_cfg", None)
    rest = {name: value for name, value in model.items() if name != "auxiliary_head"}
    return {**rest, "type": "CascadeEncoderDecoder", "backbone": backbone, "decode_head": heads}, PLACES


@converts("STDCNet")
def convert_stdc_net(args: Arguments, maps: Maps) -> Part:
    args.expect("stdc_type", *VARIANTS)
    args.expect("in_channels", 3)
    args.expect("channels", (32, 64, 256, 512, 1024))
    args.expect("bottleneck_type", "cat")
    args.expect("num_convs", 4)
    args.expect("with_final_conv", False)
    config = {"type": "STDCNet", "variant": VARIANTS[args.take("stdc_type")]}
    return Part(config, lambda weights: renamed(weights, {}), levels={0: -3, 1: -2, 2: -1})


@converts("STDCContextPathNet")
def convert_stdc(args: Arguments, maps: Maps) -> Part:
    args.expect("last_in_channels", (1024, 512))
    args.expect("upsample_mode", "nearest")
    channels = args.take("out_channels", 128)
    fusion = args.take("ffm_cfg", {})
    fused = fusion.get("out_channels", 256)
    args.expect("ffm_cfg", {"in_channels": 256 + channels, "out_channels": fused, "scale_factor": 4})
    if tuple(one.values["type"] for one in args.earlier) != HEADS:
        raise ConfigError(f"{args.path}: segbox's STDC has three FCNHeads and an STDCHead")
    widths = [width_of(one, index) for one, index in zip(args.earlier, INDICES)]
    if widths[1] != widths[2]:
        raise ConfigError(f"{args.earlier[2].path}.channels: segbox's STDC has context heads of one width")
    args.earlier[3].expect("boundary_threshold", 0.1)
    config = {
        "type": "STDCHead",
        "channels": channels,
        "fused_channels": fused,
        "head_channels": widths[0],
        "context_head_channels": widths[1],
        "detail_channels": widths[3],
        "context_loss_weight": loss_weight(args.earlier[1]),
        "dropout": dropout(args.earlier[0]),
    }
    return Part(config, rename)


def width_of(args: Arguments, index: int) -> int:
    """The channels of a head that is one 3x3 and a classifier on this map."""
    found = convert_fcn(args, Maps({i: i for i in range(4)})).config
    form = [found[name] for name in ("level", "num_convs", "kernel", "dilation", "concat_input")]
    if form != [index, 1, 3, 1, False]:
        raise ConfigError(f"{args.path}: in segbox's STDC this is one 3x3 and a classifier on map {index}")
    return found["channels"]


def rename(weights: Weights) -> Weights:
    return renamed({name: value for name, value in weights.items() if name not in CONSTANTS}, NAMES)
