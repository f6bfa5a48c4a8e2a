"""Heads that make weights for each image or pixel: APCNet's, DMNet's, PSANet's."""

from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, dropout, renamed

SHARED = {"bottleneck.": "fuse.", "conv_seg.": "classify."}
APC_NAMES = {
    "pooled_redu_conv.": "describe.",
    "input_redu_conv.": "reduce.",
    "global_info.": "whole.",
    "gla.": "weigh.",
    "residual_conv.": "residual.",
    "fusion_conv.": "fuse.",
}
DM_NAMES = {"filter_gen_conv.": "make_filters.", "input_redu_conv.": "reduce.", "norm.": "norm."}

# The pixels' own weights are those of a model that only collects or distributes, or of both: then collect is first.
PSA_TYPES = {
    "bi-direction": {"": "collect", "_p": "distribute"},
    "collect": {"": "collect"},
    "distribute": {"": "distribute"},
}


@converts("APCHead")
def convert_apc(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    args.expect("fusion", True)
    scales = tuple(args.take("pool_scales", (1, 2, 3, 6)))
    config = {"type": "APCHead", "channels": args.take("channels"), "pool_scales": scales, "dropout": dropout(args)}
    names = SHARED | in_each("acm_modules", "contexts", len(scales), APC_NAMES)
    return Part(config, lambda weights: renamed(weights, names))


@converts("DMHead")
def convert_dm(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    args.expect("fusion", False)
    sizes = tuple(args.take("filter_sizes", (1, 3, 5, 7)))
    config = {"type": "DMHead", "channels": args.take("channels"), "filter_sizes": sizes, "dropout": dropout(args)}
    names = SHARED | in_each("dcm_modules", "branches", len(sizes), DM_NAMES)
    return Part(config, lambda weights: renamed(weights, names))


def in_each(theirs: str, ours: str, count: int, names: dict[str, str]) -> dict[str, str]:
    """The names of `count` branches."""
    return {f"{theirs}.{i}.{old}": f"{ours}.{i}.{new}" for i in range(count) for old, new in names.items()}


@converts("PSAHead")
def convert_psa(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    args.expect("compact", False)
    args.expect("shrink_factor", 2)
    args.expect("normalization_factor", 1.0)
    args.expect("psa_softmax", True)
    ends = PSA_TYPES[args.take("psa_type", "bi-direction")]
    config = {
        "type": "PSAHead",
        "channels": args.take("channels"),
        "mask_size": tuple(args.take("mask_size")),
        "directions": tuple(ends.values()),
        "dropout": dropout(args),
    }
    names = SHARED | {"proj.": "expand."}
    for end, direction in ends.items():
        names |= {f"reduce{end}.": f"reduce.{direction}.", f"attention{end}.": f"attention.{direction}.predict."}
    return Part(config, lambda weights: renamed(weights, names))
