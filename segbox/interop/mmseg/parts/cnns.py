"""BiSeNetV2, CGNet, ERFNet, Fast-SCNN and its head: their arguments are those of the published networks."""

from collections.abc import Mapping
from typing import Any

from segbox.interop.mmseg.part import BATCH_NORMS, Arguments, Maps, Part, Weights, converts, dropout, renamed

BISENET_V2 = {
    "in_channels": 3,
    "detail_channels": (64, 64, 128),
    "semantic_channels": (16, 32, 64, 128),
    "semantic_expansion_ratio": 6,
    "bga_channels": 128,
    "out_indices": (0, 1, 2, 3, 4),
}
CGNET = {
    "in_channels": 3,
    "num_channels": (32, 64, 128),
    "num_blocks": (3, 21),
    "dilations": (2, 4),
    "reductions": (8, 16),
    "act_cfg": {"type": "PReLU"},
}
ERFNET = {
    "in_channels": 3,
    "enc_downsample_channels": (16, 64, 128),
    "enc_stage_non_bottlenecks": (5, 8),
    "enc_non_bottleneck_dilations": (2, 4, 8, 16),
    "enc_non_bottleneck_channels": (64, 128),
    "dec_upsample_channels": (64, 16),
    "dec_stages_non_bottleneck": (2, 2),
    "dec_non_bottleneck_channels": (64, 16),
}
FAST_SCNN = {
    "in_channels": 3,
    "downsample_dw_channels": (32, 48),
    "global_in_channels": 64,
    "global_block_channels": (64, 96, 128),
    "global_block_strides": (2, 2, 1),
    "global_out_channels": 128,
    "higher_in_channels": 64,
    "lower_in_channels": 128,
    "fusion_out_channels": 128,
    "out_indices": (0, 1, 2),
    "dw_act_cfg": None,
}
SEPARABLE = {"depthwise_conv.": "0.", "pointwise_conv.": "1."}
NORM = {".bn.": ".norm."}
CGNET_EPS = 1e-3


def expect_all(args: Arguments, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        args.expect(name, value)


@converts("BiSeNetV2")
def convert_bisenet_v2(args: Arguments, maps: Maps) -> Part:
    expect_all(args, BISENET_V2)
    inside = {
        **NORM,
        ".shortcut.0.depthwise_conv.": ".shortcut.0.",
        ".shortcut.0.pointwise_conv.": ".shortcut.1.",
        "_dwconv.0.depthwise_conv.": "_dwconv.0.",
        "_dwconv.0.pointwise_conv.conv.": "_dwconv.1.",
    }
    config = {"type": "BiSeNetV2", "semantic_maps": True}
    levels = {0: -3, 1: -5, 2: -4, 3: -2, 4: -1}
    return Part(config, lambda weights: renamed(weights, {}, inside), levels=levels)


@converts("CGNet")
def convert_cgnet(args: Arguments, maps: Maps) -> Part:
    expect_all(args, CGNET)
    norm = args.take("norm_cfg") or {}
    args.expect("norm_cfg", *({**norm, "type": kind, "eps": CGNET_EPS} for kind in BATCH_NORMS))
    return Part({"type": "CGNet"}, rename_cgnet, levels={0: -3, 1: -2, 2: -1})


def rename_cgnet(weights: Weights) -> Weights:
    inside = {**NORM, ".activate.": ".act.", ".f_glo.fc.0.": ".f_glo.fc1.", ".f_glo.fc.2.": ".f_glo.fc2."}
    found = renamed(weights, {}, inside)
    of_join = {}
    for name, value in found.items():
        level, block, *rest = name.split(".")
        if level.startswith("level") and rest[0] in ("f_loc", "f_sur", "norm", "act"):
            name = ".".join((level, block, "join", *rest))
        is_linear = ".f_glo." in name and value.dim() == 2
        of_join[name] = value[:, :, None, None] if is_linear else value
    return of_join


@converts("ERFNet")
def convert_erfnet(args: Arguments, maps: Maps) -> Part:
    expect_all(args, ERFNET)
    args.skip("norm_cfg")  # which it has and does not read
    config = {"type": "ERFNet", "dropout": args.take("dropout_ratio", 0.1)}
    return Part(config, lambda weights: renamed(weights, {}), levels={0: -1})


@converts("FastSCNN")
def convert_fast_scnn(args: Arguments, maps: Maps) -> Part:
    expect_all(args, FAST_SCNN)
    names = {"learning_to_downsample.conv.": "learning_to_downsample.0."}
    for i in (1, 2):
        for kind, place in SEPARABLE.items():
            names[f"learning_to_downsample.dsconv{i}.{kind}"] = f"learning_to_downsample.{i}.{place}"
    for i in range(4):
        names[f"global_feature_extractor.ppm.{i}."] = f"global_feature_extractor.ppm.levels.{i}."
    config = {"type": "FastSCNN", "inner_maps": True}
    return Part(config, lambda weights: renamed(weights, names), levels={0: -3, 1: -1, 2: -2})


@converts("DepthwiseSeparableFCNHead")
def convert_separable_fcn(args: Arguments, maps: Maps) -> Part:
    args.expect("kernel_size", 3)
    args.expect("concat_input", False)
    args.expect("dilation", 1)
    args.expect("dw_act_cfg", None)
    config = {
        "type": "SeparableFCNHead",
        "level": maps.level(args),
        "channels": args.take("channels"),
        "num_convs": args.take("num_convs", 2),
        "dropout": dropout(args),
    }
    inside = {**NORM, **{f".{theirs}": f".{ours}" for theirs, ours in SEPARABLE.items()}}
    return Part(config, lambda weights: renamed(weights, {"conv_seg.": "classify."}, inside))
