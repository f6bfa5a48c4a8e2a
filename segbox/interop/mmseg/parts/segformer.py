"""Mix Transformer and SegFormer's head."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed, same

from .pyramids import expect_all_levels

# (width of the first stage, blocks per stage) -> variant
VARIANTS = {
    (32, (2, 2, 2, 2)): "b0",
    (64, (2, 2, 2, 2)): "b1",
    (64, (3, 4, 6, 3)): "b2",
    (64, (3, 4, 18, 3)): "b3",
    (64, (3, 8, 27, 3)): "b4",
    (64, (3, 6, 40, 3)): "b5",
    (8, (1, 1, 1, 2)): "test",
}
OF_STAGE = {"0.projection.": "embed.project.", "0.norm.": "embed.norm.", "1.": "blocks.", "2.": "norm."}
OF_BLOCK = {
    ".attn.attn.in_proj_weight": ".attention.in.weight",
    ".attn.attn.in_proj_bias": ".attention.in.bias",
    ".attn.attn.out_proj.": ".attention.out.",
    ".attn.sr.": ".attention.reduce.",
    ".attn.norm.": ".attention.reduce_norm.",
    ".ffn.layers.0.": ".mlp.expand.",
    ".ffn.layers.1.": ".mlp.depthwise.",
    ".ffn.layers.4.": ".mlp.project.",
}
LINEAR = (".mlp.expand.weight", ".mlp.project.weight")  # 1x1 convolutions in mmsegmentation
OTHERS = {"patch_sizes": (7, 3, 3, 3), "strides": (4, 2, 2, 2), "sr_ratios": (8, 4, 2, 1), "mlp_ratio": 4}
HEAD_NAMES = {"convs.": "project.", "fusion_conv.": "mix.", "conv_seg.": "classify."}


@converts("MixVisionTransformer")
def convert_mit(args: Arguments, maps: Maps) -> Part:
    width, depths = args.take("embed_dims", 64), tuple(args.take("num_layers", (3, 4, 6, 3)))
    if (width, depths) not in VARIANTS:
        raise ConfigError(f"{args.path}: segbox has no MixTransformer with embed_dims {width} and num_layers {depths}")
    args.expect("in_channels", 3)
    args.expect("num_stages", 4)
    args.expect("out_indices", (0, 1, 2, 3))
    expect_segformers(args, "num_heads", (1, 2, 5, 8))
    for name, value in OTHERS.items():
        args.expect(name, value)
    args.expect("qkv_bias", True)
    args.expect("norm_cfg", {"type": "LN", "eps": 1e-6})
    args.expect("act_cfg", {"type": "GELU"})
    args.skip("drop_rate", "attn_drop_rate")
    config = {
        "type": "MixTransformer",
        "variant": VARIANTS[width, depths],
        "drop_path": args.take("drop_path_rate", 0.0),
        "embed_eps": 1e-6,
    }
    return Part(config, rename_mit, levels={i: i - 4 for i in range(4)})


def expect_segformers(args: Arguments, name: str, value: tuple[int, ...]) -> None:
    """An argument whose default in mmsegmentation is not SegFormer's."""
    found = args.take(name)
    if not same(found, value):
        raise ConfigError(f"{args.path}.{name}: {found!r} has no counterpart in segbox, only {value!r}")


def rename_mit(weights: Weights) -> Weights:
    names = {f"layers.{i}.{theirs}": f"stages.{i}.{ours}" for i in range(4) for theirs, ours in OF_STAGE.items()}
    found = split_query(renamed(weights, names, OF_BLOCK))
    return {name: value.flatten(1) if name.endswith(LINEAR) else value for name, value in found.items()}


def split_query(weights: Weights) -> Weights:
    """Query, key and value, which are one matrix in mmsegmentation (".attention.in."), as a query and a pair."""
    found: Weights = {}
    for name, value in weights.items():
        if ".attention.in." in name:
            first = value.shape[0] // 3
            found[name.replace(".in.", ".query.")] = value[:first]
            found[name.replace(".in.", ".key_value.")] = value[first:]
        else:
            found[name] = value
    return found


@converts("SegformerHead")
def convert_segformer(args: Arguments, maps: Maps) -> Part:
    expect_all_levels(args, maps)
    args.expect("interpolate_mode", "bilinear")
    config = {
        "type": "SegFormerHead",
        "channels": args.take("channels"),
        "project_norm": True,
        "dropout": args.take("dropout_ratio", 0.1),
    }
    return Part(config, lambda weights: renamed(weights, HEAD_NAMES))
