"""BiSeNetV1. Its backbone holds a ResNet and what is our head, and its heads are parts of our head too."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, rearranges, renamed, same

from .fcn import convert_fcn

MAPS = Maps({0: -3, 1: -2, 2: -1})  # fused, context of stride 8, context of stride 16
# The heads are the first of a cascade; the rest of the backbone is its last head.
PLACES = {
    "backbone.context_path.backbone.": "backbone.",
    "backbone.": "decode_head.3.",
    "decode_head.": "decode_head.0.",
    "auxiliary_head.0.": "decode_head.1.",
    "auxiliary_head.1.": "decode_head.2.",
}
NAMES = {
    **{f"3.spatial_path.layer{i + 1}.": f"spatial.{i}." for i in range(4)},
    "3.context_path.gap_conv.1.": "context.whole.1.",
    "3.context_path.arm32.conv_layer.": "context.attend.0.convolve.",
    "3.context_path.arm32.atten_conv_layer.1.": "context.attend.0.gate.1.",
    "3.context_path.arm16.conv_layer.": "context.attend.1.convolve.",
    "3.context_path.arm16.atten_conv_layer.1.": "context.attend.1.gate.1.",
    "3.context_path.conv_head32.": "context.smooth.0.",
    "3.context_path.conv_head16.": "context.smooth.1.",
    "3.ffm.conv1.": "fuse.mix.",
    "3.ffm.conv_atten.0.": "fuse.gate.1.",
    "0.convs.0.": "convolve.",
    "0.conv_seg.": "classify.",
    "1.convs.0.": "classify_context.1.0.",
    "1.conv_seg.": "classify_context.1.1.",
    "2.convs.0.": "classify_context.0.0.",
    "2.conv_seg.": "classify_context.0.1.",
}


@rearranges("BiSeNetV1")
def rearrange(model: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    own, head, auxiliary = dict(model["backbone"]), model["decode_head"], model.get("auxiliary_head")
    if not isinstance(head, Mapping) or not isinstance(auxiliary, list | tuple) or len(auxiliary) != 2:
        raise ConfigError("model: segbox's BiSeNet has one decode_head and two auxiliary heads")
    shared = {name: head[name] for name in ("num_classes", "align_corners", "loss_decode") if name in head}
    heads = [head, *auxiliary, {**own, **shared}]
    backbone = heads[-1].pop("backbone_cfg", None)
    rest = {name: value for name, value in model.items() if name != "auxiliary_head"}
    return {**rest, "type": "CascadeEncoderDecoder", "backbone": backbone, "decode_head": heads}, PLACES


@converts("BiSeNetV1")
def convert_bisenet(args: Arguments, maps: Maps) -> Part:
    args.expect("in_channels", 3)
    args.expect("out_indices", (0, 1, 2))
    width, double, _ = args.take("context_channels", (128, 256, 512))
    spatial = args.take("spatial_channels", (64, 64, 64, 128))
    out_channels = args.take("out_channels", 256)
    if not same((*spatial, double, out_channels), (*[width // 2] * 3, width, 2 * width, 2 * width)):
        raise ConfigError(
            f"{args.path}: with context_channels[0]={width}, segbox's BiSeNet has {2 * width} in the next level and"
            f" behind the fusion, and spatial_channels of {width // 2} and {width}"
        )
    if [maps.levels.get(i) for i in range(4)] != [-4, -3, -2, -1]:
        raise ConfigError(f"{args.path}.backbone_cfg: segbox's BiSeNet reads the last two of four maps")
    fused, fine, coarse = (convert_fcn(one, MAPS).config for one in args.earlier)
    for one, config, index in zip(args.earlier, (fused, fine, coarse), range(3)):
        expect_plain(one, config, index)
    if fine["channels"] != coarse["channels"]:
        raise ConfigError(f"{args.earlier[2].path}.channels: segbox's BiSeNet has auxiliary heads of one width")
    config = {
        "type": "BiSeNetHead",
        "channels": width,
        "context_loss_weight": loss_weight(args.earlier[1]),
        "nearest": True,
        "gate_norm": True,
        "head_channels": fused["channels"],
        "context_head_channels": fine["channels"],
        "dropout": dropout(args.earlier[0]),
    }
    return Part(config, rename)


def loss_weight(args: Arguments) -> float:
    loss = args.values.get("loss_decode")
    return loss.get("loss_weight", 1.0) if isinstance(loss, Mapping) else 1.0


def expect_plain(args: Arguments, config: dict[str, Any], index: int) -> None:
    """Refuse a head that is not one 3x3 and a classifier on its own map."""
    plain = {"in_index": index, "channels": config["channels"], "num_convs": 1, "concat_input": False}
    expected = convert_fcn(Arguments(args.path, plain), MAPS).config
    if {**config, "dropout": 0} != {**expected, "dropout": 0}:
        raise ConfigError(f"{args.path}: in segbox's BiSeNet this is one 3x3 and a classifier on map {index}")


def rename(weights: Weights) -> Weights:
    return renamed(weights, NAMES)
