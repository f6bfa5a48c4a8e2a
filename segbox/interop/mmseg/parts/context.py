"""Heads with a block of context between two convolutions, as GCNet's; ANN's and ISANet's."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

CONVS = {"convs.0.": "convs.reduce.", "convs.1.": "convs.refine.", "conv_cat.": "convs.fuse.", "conv_seg.": "classify."}
GC_NAMES = CONVS | {
    "gc_block.conv_mask.": "convs.context.attend.",
    "gc_block.channel_add_conv.": "convs.context.transform.",
}
NL_NAMES = CONVS | {
    "nl_block.theta.conv.": "convs.context.query.",
    "nl_block.phi.conv.": "convs.context.key.",
    "nl_block.g.conv.": "convs.context.value.",
    "nl_block.conv_out.": "convs.context.project.",
}
DNL_NAMES = {name.replace("nl_block.", "dnl_block."): own for name, own in NL_NAMES.items()}
DNL_NAMES |= {"dnl_block.conv_mask.": "convs.context.attend."}
EMA_NAMES = CONVS | {
    "ema_in_conv.": "convs.reduce.",
    "ema_mid_conv.conv.": "convs.context.embed.",
    "ema_module.bases": "convs.context.bases",
    "ema_out_conv.": "convs.context.project.",
    "bottleneck.": "convs.refine.",
}
ISA_NAMES = {"in_conv.": "reduce.", "out_conv.": "fuse.", "conv_seg.": "classify."} | {
    f"{theirs}_relation.{name}_project.": f"{ours}.{own}."
    for theirs, ours in (("global", "distant"), ("local", "near"))
    for name, own in (("query", "query"), ("key", "key"), ("value", "value"), ("output", "mix"))
}
ANN_NAMES = {
    "fusion.stages.0.query_project.": "query.",
    "fusion.stages.0.key_project.": "key.",
    "fusion.stages.0.value_project.": "attend_low.value.",
    "fusion.stages.0.out_project.": "attend_low.project.",
    "fusion.bottleneck.": "fuse.",
    "bottleneck.": "reduce.",
    "context.stages.0.query_project.": "embed.",
    "context.stages.0.value_project.": "attend.value.",
    "context.stages.0.out_project.": "attend.project.",
    "context.bottleneck.": "mix.",
    "conv_seg.": "classify.",
}
SHARED = "context.stages.0.key_project."  # the same module as query_project


@converts("GCHead")
def convert_gc(args: Arguments, maps: Maps) -> Part:
    channels, ratio = args.take("channels"), args.take("ratio", 1 / 4)
    if not 0 < ratio <= 1 or channels // round(1 / ratio) != int(channels * ratio):
        raise ConfigError(f"{args.path}.ratio: segbox has 1/2, 1/3, 1/4 and so on of the channels, not {ratio}")
    args.expect("pooling_type", "att")
    args.expect("fusion_types", ("channel_add",))
    config = {"type": "GCHead", "channels": channels, "reduction": round(1 / ratio)}
    return between_convs(args, maps, config, GC_NAMES)


@converts("NLHead")
def convert_nl(args: Arguments, maps: Maps) -> Part:
    args.expect("mode", "embedded_gaussian", "dot_product")
    config = {"type": "NonLocalHead", **non_local(args), "mode": args.take("mode", "embedded_gaussian")}
    return between_convs(args, maps, config, NL_NAMES)


@converts("DNLHead")
def convert_dnl(args: Arguments, maps: Maps) -> Part:
    args.expect("mode", "embedded_gaussian")
    config = {"type": "DNLHead", **non_local(args), "temperature": args.take("temperature", 0.05)}
    return between_convs(args, maps, config, DNL_NAMES)


def non_local(args: Arguments) -> dict[str, object]:
    return {
        "channels": args.take("channels"),
        "reduction": args.take("reduction", 2),
        "use_scale": args.take("use_scale", True),
    }


@converts("EMAHead")
def convert_ema(args: Arguments, maps: Maps) -> Part:
    config = {
        "type": "EMAHead",
        "channels": args.take("channels"),
        "attention_channels": args.take("ema_channels"),
        "num_bases": args.take("num_bases"),
        "iterations": args.take("num_stages"),
        "momentum": args.take("momentum", 0.1),
    }
    return between_convs(args, maps, config, EMA_NAMES)


def between_convs(args: Arguments, maps: Maps, config: dict[str, object], names: dict[str, str]) -> Part:
    """What heads on three 3x3 convolutions have in common."""
    maps.expect_last(args)
    args.expect("concat_input", True)
    args.expect("kernel_size", 3)
    args.expect("dilation", 1)
    return Part({**config, "dropout": args.take("dropout_ratio", 0.1)}, lambda weights: renamed(weights, names))


@converts("ISAHead")
def convert_isa(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    config = {
        "type": "ISAHead",
        "channels": args.take("channels"),
        "key_channels": args.take("isa_channels"),
        "window": tuple(args.take("down_factor", (8, 8))),
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, lambda weights: renamed(weights, ISA_NAMES))


@converts("ANNHead")
def convert_ann(args: Arguments, maps: Maps) -> Part:
    indices = args.take("in_index", -1)
    args.expect("input_transform", None)  # the head sets it
    if [maps.levels.get(i) for i in indices] != [-2, -1]:
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the last two maps, not {tuple(indices)}")
    args.expect("query_scales", (1,))
    config = {
        "type": "ANNHead",
        "channels": args.take("channels"),
        "key_channels": args.take("project_channels"),
        "pool_scales": tuple(args.take("key_pool_scales", (1, 3, 6, 8))),
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, rename_ann)


def rename_ann(weights: Weights) -> Weights:
    return renamed({name: value for name, value in weights.items() if not name.startswith(SHARED)}, ANN_NAMES)
