"""SegNeXt: MSCAN and its head."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, converts, dropout, renamed, same

VARIANTS = {  # embed_dims, depths
    "t": ((32, 64, 160, 256), (3, 3, 5, 2)),
    "s": ((64, 128, 320, 512), (2, 2, 4, 2)),
    "b": ((64, 128, 320, 512), (3, 3, 12, 3)),
    "l": ((64, 128, 320, 512), (3, 5, 27, 3)),
}
GROUP_NORM = {"type": "GN", "num_groups": 32}
NAMES = {
    "squeeze.conv.": "squeeze.0.",
    "squeeze.gn.": "squeeze.1.",
    "hamburger.ham_in.conv.": "enter.",
    "hamburger.ham_out.conv.": "leave.0.",
    "hamburger.ham_out.gn.": "leave.1.",
    "align.conv.": "align.0.",
    "align.gn.": "align.1.",
    "conv_seg.": "classify.",
}


@converts("MSCAN")
def convert_mscan(args: Arguments, maps: Maps) -> Part:
    given = (args.take("embed_dims", (64, 128, 256, 512)), args.take("depths", (3, 4, 6, 3)))
    variant = next((name for name, own in VARIANTS.items() if same(given, own)), None)
    if variant is None:
        raise ConfigError(f"{args.path}: segbox has MSCAN-{', -'.join(VARIANTS)}; this is another one")
    args.expect("in_channels", 3)
    args.expect("mlp_ratios", (4, 4, 4, 4), (8, 8, 4, 4))
    if same(args.take("mlp_ratios"), (4, 4, 4, 4)) or "mlp_ratios" not in args.values:
        raise ConfigError(f"{args.path}.mlp_ratios: segbox's MSCAN has (8, 8, 4, 4)")
    args.expect("num_stages", 4)
    args.expect("drop_rate", 0.0)
    args.expect("attention_kernel_sizes", (5, (1, 7), (1, 11), (1, 21)))
    args.expect("attention_kernel_paddings", (2, (0, 3), (0, 5), (0, 10)))
    args.expect("act_cfg", {"type": "GELU"})
    config = {"type": "MSCAN", "variant": variant, "drop_path": args.take("drop_path_rate", 0.0)}
    return Part(config, dict, levels={i: i - 4 for i in range(4)})  # our names are theirs


@converts("LightHamHead")
def convert_light_ham(args: Arguments, maps: Maps) -> Part:
    args.expect("norm_cfg", GROUP_NORM, {**GROUP_NORM, "requires_grad": True})
    read = [maps.levels.get(i) for i in args.take("in_index")]
    if read != [-3, -2, -1]:
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the maps of strides 8, 16 and 32")
    inner = dict(args.take("ham_kwargs", {}))
    config = {
        "type": "LightHamHead",
        "channels": args.take("channels"),
        "ham_channels": args.take("ham_channels", 512),
        "rank": inner.pop("MD_R", 64),
        "train_steps": inner.pop("train_steps", 6),
        "eval_steps": inner.pop("eval_steps", 7),
        "dropout": dropout(args),
    }
    if inner.pop("MD_S", 1) != 1 or not inner.pop("rand_init", True):
        raise ConfigError(f"{args.path}.ham_kwargs: segbox's head has MD_S=1 and rand_init=True")
    inner.pop("inv_t", None)  # which is not read
    if inner:
        raise ConfigError(f"{args.path}.ham_kwargs: segbox has no counterpart of {', '.join(inner)}")
    return Part(config, lambda weights: renamed(weights, NAMES, inside={}))
