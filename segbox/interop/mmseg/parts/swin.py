"""Swin Transformer with a norm on each map."""

from torch import Tensor

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed

# (channels of the first stage, blocks per stage, attention heads of the first stage) -> variant
VARIANTS = {
    (96, (2, 2, 6, 2), 3): "tiny",
    (96, (2, 2, 18, 2), 3): "small",
    (128, (2, 2, 18, 2), 4): "base",
    (192, (2, 2, 18, 2), 6): "large",
    (8, (1, 2, 1, 2), 1): "test",
}
NAMES = {
    "patch_embed.projection.": "embed.",
    "patch_embed.norm.": "norm.",
    **{f"stages.{i}.blocks.": f"stages.{i}." for i in range(4)},
    **{f"stages.{i}.downsample.norm.": f"merges.{i}.norm." for i in range(3)},
    **{f"stages.{i}.downsample.reduction.": f"merges.{i}.reduce." for i in range(3)},
    **{f"norm{i}.": f"map_norms.{i}." for i in range(4)},
}
OF_BLOCK = {
    ".attn.w_msa.qkv.": ".attention.query_key_value.",
    ".attn.w_msa.proj.": ".attention.out.",
    ".attn.w_msa.relative_position_bias_table": ".attention.bias_table",
    ".ffn.layers.0.0.": ".mlp.0.",
    ".ffn.layers.1.": ".mlp.2.",
}


@converts("SwinTransformer")
def convert_swin(args: Arguments, maps: Maps) -> Part:
    width, depths = args.take("embed_dims", 96), tuple(args.take("depths", (2, 2, 6, 2)))
    heads = tuple(args.take("num_heads", (3, 6, 12, 24)))
    variant = VARIANTS.get((width, depths, heads[0]))
    if variant is None or heads != tuple(heads[0] * 2**i for i in range(4)):
        raise ConfigError(
            f"{args.path}: segbox has no Swin with embed_dims {width}, depths {depths} and num_heads {heads}"
        )
    expect_plain(args)
    config = {
        "type": "Swin",
        "variant": variant,
        "window": args.take("window_size", 7),
        "drop_path": args.take("drop_path_rate", 0.1),
        "map_norm": 1e-5,
    }
    return Part(config, rename, levels={i: i - 4 for i in range(4)})


def expect_plain(args: Arguments) -> None:
    """Read what our Swin has in one form only."""
    args.expect("in_channels", 3)
    args.expect("patch_size", 4)
    args.expect("mlp_ratio", 4)
    args.expect("strides", (4, 2, 2, 2))
    args.expect("out_indices", (0, 1, 2, 3))
    args.expect("qkv_bias", True)
    args.expect("qk_scale", None)
    args.expect("patch_norm", True)
    args.expect("use_abs_pos_embed", False)
    args.expect("act_cfg", {"type": "GELU"})
    args.expect("norm_cfg", {"type": "LN"}, {"type": "LN", "requires_grad": True})
    args.skip("pretrain_img_size", "drop_rate", "attn_drop_rate")


def rename(weights: Weights) -> Weights:
    found = renamed(weights, NAMES, OF_BLOCK)
    return {
        name: by_pixels(value) if name.startswith("merges.") else value
        for name, value in found.items()
        if not name.endswith(".relative_position_index")  # follows from the window
    }


def by_pixels(value: Tensor) -> Tensor:
    """From channel by channel, each with its 2x2 pixels by rows, to pixel by pixel, by columns."""
    return value.unflatten(-1, (-1, 2, 2)).movedim(-3, -1).transpose(-3, -2).flatten(-3)
