"""MobileNetV2, MobileNetV3 and the LR-ASPP head."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import BATCH_NORMS, Arguments, Maps, Part, Weights, converts, dropout, renamed, same

# strides and dilations of the layers -> output_stride
V2_PLANS = {
    32: ((1, 2, 2, 2, 1, 2, 1), (1, 1, 1, 1, 1, 1, 1)),
    16: ((1, 2, 2, 2, 1, 1, 1), (1, 1, 1, 1, 1, 2, 2)),
    8: ((1, 2, 2, 1, 1, 1, 1), (1, 1, 1, 2, 2, 4, 4)),
}
V2_WIDTHS = {1.4: "1.4", 1.0: "1.0", 0.75: "0.75", 0.5: "0.5"}
V2_DEPTHS = (1, 2, 3, 4, 3, 3, 1)  # blocks of the layers
V2_LEVELS = {0: -5, 1: -4, 2: -3, 4: -2, 6: -1}  # layer -> our map
V3_LEVELS = {"large": {1: -5, 3: -4, 6: -3, 12: -2, 16: -1}, "small": {0: -5, 1: -4, 3: -3, 8: -2, 12: -1}}
V3_EPS = 1e-3
V3_ORDER = ("expand_conv", "depthwise_conv", "se", "linear_conv")
LRASPP_NAMES = {
    "aspp_conv.": "reduce.",
    "image_pool.1.conv.": "gate.",
    "conv_up_input.": "enter.",
    "convs.conv": "skips.",
    "conv_ups.conv_up": "mix.",
    "conv_seg.": "classify.",
}


@converts("MobileNetV2")
def convert_v2(args: Arguments, maps: Maps) -> Part:
    args.expect("act_cfg", {"type": "ReLU6"})
    args.expect("widen_factor", *V2_WIDTHS)
    strides = args.take("strides", V2_PLANS[32][0])
    dilations = args.take("dilations", V2_PLANS[32][1])
    stride = next((stride for stride, plan in V2_PLANS.items() if same((strides, dilations), plan)), None)
    if stride is None:
        raise ConfigError(
            f"{args.path}: segbox has no MobileNetV2 with strides {tuple(strides)} and dilations {tuple(dilations)}"
        )
    variant = V2_WIDTHS[args.take("widen_factor", 1.0)]
    config = {"type": "MobileNetV2", "variant": variant, "output_stride": stride, "has_last_conv": False}
    if stride < 32:
        config["dilated"] = "first"
    return Part(config, rename_v2, levels=levels(args.take("out_indices", (1, 2, 4, 6)), V2_LEVELS))


def levels(indices: Any, known: Mapping[int, int]) -> dict[int, int]:
    """Of the maps that we have too: a head that reads another one is refused."""
    return {i: known[layer] for i, layer in enumerate(indices) if layer in known}


def rename_v2(weights: Weights) -> Weights:
    names = {"conv1.conv.": "features.0.0.", "conv1.bn.": "features.0.1."}
    block = 0
    for layer, depth in enumerate(V2_DEPTHS, 1):
        for i in range(depth):
            block += 1
            last = 1 if layer == 1 else 2  # the first block does not expand
            theirs, ours = f"layer{layer}.{i}.conv", f"features.{block}.conv"
            for j in range(last):
                names |= {f"{theirs}.{j}.conv.": f"{ours}.{j}.0.", f"{theirs}.{j}.bn.": f"{ours}.{j}.1."}
            names |= {f"{theirs}.{last}.conv.": f"{ours}.{last}.", f"{theirs}.{last}.bn.": f"{ours}.{last + 1}."}
    return renamed(weights, names)


@converts("MobileNetV3")
def convert_v3(args: Arguments, maps: Maps) -> Part:
    args.expect("arch", "small", "large")
    args.expect("reduction_factor", 1)
    expect_eps(args)
    variant = args.take("arch", "small")
    config = {"type": "MobileNetV3", "variant": variant, "output_stride": 8, "same_padding": True}
    return Part(config, rename_v3, levels=levels(args.take("out_indices", (0, 1, 12)), V3_LEVELS[variant]))


def expect_eps(args: Arguments) -> None:
    """Refuse norms with another eps than that of our part."""
    norm = args.take("norm_cfg") or {}
    if norm.get("type") not in BATCH_NORMS or norm.get("eps") != V3_EPS:
        raise ConfigError(
            f"{args.path}.norm_cfg: {norm!r} has no counterpart in segbox, only batch norm of eps={V3_EPS}"
        )


def rename_v3(weights: Weights) -> Weights:
    """The parts of a block are numbered in their order; not every block has all of them."""
    found: dict[str, set[str]] = {}
    for name in weights:
        layer, part = name.split(".")[:2]
        found.setdefault(layer, set()).add(part)
    names = {}
    for layer, parts in found.items():
        theirs, ours = f"{layer}.", f"features.{layer.removeprefix('layer')}."
        names |= {f"{theirs}conv.": f"{ours}0.", f"{theirs}bn.": f"{ours}1."}
        for i, part in enumerate(part for part in V3_ORDER if part in parts):
            names |= {f"{theirs}{part}.conv.": f"{ours}block.{i}.0.", f"{theirs}{part}.bn.": f"{ours}block.{i}.1."}
            names |= {f"{theirs}{part}.conv{k}.conv.": f"{ours}block.{i}.fc{k}." for k in (1, 2)}
    return renamed(weights, names)


@converts("LRASPPHead")
def convert_lraspp(args: Arguments, maps: Maps) -> Part:
    args.expect("input_transform", "multiple_select")
    expect_eps(args)
    widths = tuple(args.take("branch_channels", (32, 64)))
    indices = args.take("in_index")
    read = [maps.levels.get(i) for i in indices]
    if read != [*range(-5, -5 + len(widths)), -1]:
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the finest maps and the last, not {indices!r}")
    config = {
        "type": "LRASPPDecoderHead",
        "channels": args.take("channels"),
        "skip_channels": widths,
        "dropout": dropout(args),
    }
    return Part(config, lambda weights: renamed(weights, LRASPP_NAMES))
