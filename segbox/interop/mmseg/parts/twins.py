"""Twins-PCPVT and Twins-SVT."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed, same

from .segformer import split_query

PCPVT = {"num_heads": (1, 2, 5, 8), "mlp_ratios": (8, 8, 4, 4), "norm_after_stage": False}
SVT = {"mlp_ratios": (4, 4, 4, 4), "norm_after_stage": True, "windiow_sizes": (7, 7, 7, 7)}
# (type, channels, blocks) -> our variant and what else its config says
VARIANTS = {
    ("PCPVT", (64, 128, 320, 512), (3, 4, 6, 3)): ("pcpvt-small", PCPVT),
    ("PCPVT", (64, 128, 320, 512), (3, 4, 18, 3)): ("pcpvt-base", PCPVT),
    ("PCPVT", (64, 128, 320, 512), (3, 8, 27, 3)): ("pcpvt-large", PCPVT),
    ("SVT", (64, 128, 256, 512), (2, 2, 10, 4)): ("svt-small", {"num_heads": (2, 4, 8, 16), **SVT}),
    ("SVT", (96, 192, 384, 768), (2, 2, 18, 2)): ("svt-base", {"num_heads": (3, 6, 12, 24), **SVT}),
    ("SVT", (128, 256, 512, 1024), (2, 2, 18, 2)): ("svt-large", {"num_heads": (4, 8, 16, 32), **SVT}),
    ("PCPVT", (8, 16, 24, 32), (1, 1, 2, 1)): ("test", {**PCPVT, "num_heads": (1, 2, 3, 4)}),
    ("SVT", (8, 16, 24, 32), (2, 1, 2, 1)): ("test-svt", {"num_heads": (1, 2, 3, 4), **SVT}),
}
DEFAULTS = {"norm_after_stage": {"PCPVT": False, "SVT": True}}  # of what the published configs leave out
OF_STAGE = {
    "patch_embeds.{}.projection.": "embed.",
    "patch_embeds.{}.norm.": "embed_norm.",
    "position_encodings.{}.proj.": "positions.",
    "layers.{}.": "blocks.",
    "norm_list.{}.": "norm.",
}
OF_BLOCK = {
    ".attn.attn.in_proj_weight": ".attention.in.weight",
    ".attn.attn.in_proj_bias": ".attention.in.bias",
    ".attn.attn.out_proj.": ".attention.out.",
    ".attn.sr.": ".attention.reduce.",
    ".attn.norm.": ".attention.reduce_norm.",
    ".attn.qkv.": ".attention.query_key_value.",
    ".attn.proj.": ".attention.out.",
    ".ffn.layers.0.0.": ".mlp.0.",
    ".ffn.layers.1.": ".mlp.2.",
}


@converts("PCPVT", "SVT")
def convert_twins(args: Arguments, maps: Maps) -> Part:
    kind = args.values["type"]
    widths, depths = tuple(args.take("embed_dims", ())), tuple(args.take("depths", ()))
    if (kind, widths, depths) not in VARIANTS:
        raise ConfigError(f"{args.path}: segbox has no {kind} with embed_dims {widths} and depths {depths}")
    variant, form = VARIANTS[kind, widths, depths]
    for name, value in form.items():
        given = args.take(name, DEFAULTS.get(name, {}).get(kind))
        if not same(given, value):
            raise ConfigError(f"{args.path}.{name}: {given!r} has no counterpart in segbox, only {value!r}")
    args.expect("in_channels", 3)
    args.expect("patch_sizes", (4, 2, 2, 2))
    args.expect("strides", (4, 2, 2, 2))
    args.expect("out_indices", (0, 1, 2, 3))
    args.expect("norm_cfg", {"type": "LN"})
    if not args.take("qkv_bias", False) or not same(args.take("sr_ratios"), (8, 4, 2, 1)):
        raise ConfigError(f"{args.path}: segbox's Twins has qkv_bias=True and sr_ratios=[8, 4, 2, 1]")
    args.skip("drop_rate", "attn_drop_rate", "windiow_sizes")
    config = {"type": "Twins", "variant": variant, "drop_path": args.take("drop_path_rate", 0.0)}
    return Part(config, rename, levels={i: i - 4 for i in range(4)})


def rename(weights: Weights) -> Weights:
    names = {theirs.format(i): f"stages.{i}.{ours}" for i in range(4) for theirs, ours in OF_STAGE.items()}
    return split_query(renamed(weights, names, OF_BLOCK))
