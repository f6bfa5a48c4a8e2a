"""UPerNet's head; the FPN neck and the head of semantic FPN."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed

UPER_NAMES = {
    "psp_modules.": "pool.0.levels.",
    "bottleneck.": "pool.1.",
    "lateral_convs.": "lateral.",
    "fpn_convs.": "smooth.",
    "fpn_bottleneck.": "fuse.",
    "conv_seg.": "classify.",
}
EVERY_LEVEL = [-4, -3, -2, -1]


@converts("UPerHead")
def convert_uper(args: Arguments, maps: Maps) -> Part:
    expect_all_levels(args, maps)
    config = {
        "type": "UPerHead",
        "channels": args.take("channels"),
        "pool_scales": tuple(args.take("pool_scales", (1, 2, 3, 6))),
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, lambda weights: renamed(weights, UPER_NAMES))


@converts("FPN")
def convert_fpn(args: Arguments, maps: Maps) -> Part:
    if args.values.get("norm_cfg") is not None:
        raise ConfigError(f"{args.path}.norm_cfg: segbox's FPN has no norms")
    args.skip("in_channels")
    args.expect("act_cfg", None)
    args.expect("start_level", 0)
    args.expect("end_level", -1, 3)
    args.expect("add_extra_convs", False)
    args.expect("upsample_cfg", {"mode": "nearest"})
    args.expect("num_outs", 4)
    levels = [maps.levels[i] for i in range(4)]
    if levels != EVERY_LEVEL:
        raise ConfigError(f"{args.path}: segbox's FPN reads the maps of strides 4, 8, 16 and 32")
    config = {"type": "FPN", "channels": args.take("out_channels"), "levels": tuple(levels)}
    return Part(config, rename_fpn, levels=dict(enumerate(levels)))


def rename_fpn(weights: Weights) -> Weights:
    names = {f"{theirs}.{i}.conv.": f"{ours}.{i}." for i in range(4) for theirs, ours in FPN_NAMES.items()}
    return renamed(weights, names)


FPN_NAMES = {"lateral_convs": "laterals", "fpn_convs": "smooth"}


@converts("FPNHead")
def convert_fpn_head(args: Arguments, maps: Maps) -> Part:
    expect_all_levels(args, maps)
    args.expect("feature_strides", (4, 8, 16, 32))
    config = {
        "type": "FPNHead",
        "channels": args.take("channels"),
        "norm": "BN",
        "always_double": True,
        "dropout": dropout(args),
    }
    return Part(config, lambda weights: renamed(weights, fpn_head_names()))


def fpn_head_names() -> dict[str, str]:
    """Every second step of a level there is a doubling of size."""
    names = {"conv_seg.": "classify."}
    for level in range(4):
        for step in range(4):
            for theirs, ours in (("conv", "0"), ("bn", "1")):
                names[f"scale_heads.{level}.{2 * step}.{theirs}."] = f"climbs.{level}.steps.{step}.{ours}."
    return names


def expect_all_levels(args: Arguments, maps: Maps) -> None:
    indices = args.take("in_index", -1)
    args.expect("input_transform", None, "multiple_select")
    if not isinstance(indices, list | tuple) or [maps.levels.get(i) for i in indices] != EVERY_LEVEL:
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the maps of strides 4, 8, 16 and 32")
