"""BEiT, MAE, and the neck that makes a pyramid of their maps."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed, same

from .vit import NAMES, OF_BLOCK, VARIANTS, eps_of, expect_usual, square

BLOCK = {
    **OF_BLOCK,
    ".attn.q_bias": ".attention.query_bias",
    ".attn.v_bias": ".attention.value_bias",
    ".attn.qkv.": ".attention.query_key_value.",
    ".attn.proj.": ".attention.out.",
    ".gamma_1": ".scale1.factor",
    ".gamma_2": ".scale2.factor",
}
TABLE, INDEX = ".attn.relative_position_bias_table", ".attn.relative_position_index"


@converts("BEiT", "MAE")
def convert_beit(args: Arguments, maps: Maps) -> Part:
    form = args.take("embed_dims", 768), args.take("num_layers", 12), args.take("num_heads", 12)
    if form not in VARIANTS:
        raise ConfigError(
            f"{args.path}: segbox has no BEiT with embed_dims {form[0]}, num_layers {form[1]} and num_heads {form[2]}"
        )
    is_mae = args.values["type"] == "MAE"
    args.expect("patch_norm", False)
    args.expect("final_norm", False)
    args.expect("qv_bias", True)
    expect_usual(args)
    given = args.take("out_indices", -1)
    indices = tuple(i % form[1] for i in (given if isinstance(given, list | tuple) else (given,)))
    config = {
        "type": "BEiT",
        "variant": VARIANTS[form],
        "image_size": square(args),
        "out_indices": indices,
        "scale": args.take("init_values", 0.1),
        "eps": eps_of(args),
        "drop_path": args.take("drop_path_rate", 0.0),
        **({"positions": True, "key_bias": True} if is_mae else {}),
    }
    return Part(config, rename, levels={i: i - len(indices) for i in range(len(indices))})


def rename(weights: Weights) -> Weights:
    """Our tables are beside the blocks; the index of their rows follows from their size."""
    kept = {name: value for name, value in weights.items() if not name.endswith(INDEX)}
    tables = {name: kept.pop(name) for name in list(kept) if name.endswith(TABLE)}
    found = {f"tables.{name.split('.')[1]}": value for name, value in tables.items()}
    return found | renamed(kept, NAMES, BLOCK)


@converts("Feature2Pyramid")
def convert_pyramid(args: Arguments, maps: Maps) -> Part:
    args.skip("embed_dim")
    if not same(args.take("rescales", (4, 2, 1, 0.5)), (4, 2, 1, 0.5)) or len(maps.levels) != 4:
        raise ConfigError(f"{args.path}: segbox's ViTPyramid has the rescales (4, 2, 1, 0.5) of four maps")
    names = {"upsample_4x.": "levels.0.", "upsample_2x.": "levels.1."}
    passes = {2: maps.levels[2]}  # as it is
    levels = {i: i - 4 for i in range(4)}
    return Part({"type": "ViTPyramid"}, lambda weights: renamed(weights, names), levels=levels, passes=passes)
