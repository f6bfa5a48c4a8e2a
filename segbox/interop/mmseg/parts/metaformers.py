"""ConvNeXt, which timm has, and PoolFormer: networks of mmpretrain."""

from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed, same

CONVNEXT_NAMES = {
    "downsample_layers.0.0.": "network.stem_0.",
    "downsample_layers.0.1.": "network.stem_1.",
    **{f"downsample_layers.{i}.": f"network.stages_{i}.downsample." for i in (1, 2, 3)},
    **{f"stages.{i}.": f"network.stages_{i}.blocks." for i in range(4)},
    **{f"norm{i}.": f"map_norms.{i}." for i in range(4)},
}
CONVNEXT_BLOCK = {
    ".depthwise_conv.": ".conv_dw.",
    ".pointwise_conv1.": ".mlp.fc1.",
    ".pointwise_conv2.": ".mlp.fc2.",
}
CONVNEXTS = ("tiny", "small", "base", "large", "xlarge")
POOLFORMER_NAMES = {
    "patch_embed.proj.": "embeds.0.",
    **{f"network.{2 * i - 1}.proj.": f"embeds.{i}." for i in (1, 2, 3)},
    **{f"network.{2 * i}.": f"stages.{i}." for i in range(4)},
    **{f"norm{2 * i}.": f"norms.{i}." for i in range(4)},
}
POOLFORMER_BLOCK = {
    ".layer_scale_1": ".scale1",
    ".layer_scale_2": ".scale2",
    ".mlp.fc1.": ".mlp.0.",
    ".mlp.fc2.": ".mlp.2.",
}
POOLFORMERS = ("s12", "s24", "s36", "m36", "m48")
POOLFORMER_TEST = {"layers": [1, 1, 2, 1], "embed_dims": [8, 16, 24, 32]}
PATCHES = {
    "in_patch_size": 7,
    "in_stride": 4,
    "in_pad": 2,
    "down_patch_size": 3,
    "down_stride": 2,
    "down_pad": 1,
    "pool_size": 3,
}


@converts("mmpretrain.ConvNeXt", "mmcls.ConvNeXt")
def convert_convnext(args: Arguments, maps: Maps) -> Part:
    expect_all_maps(args, (0, 1, 2, 3))
    if not args.values.get("layer_scale_init_value", 1e-6) or args.take("gap_before_final_norm", True):
        raise ConfigError(f"{args.path}: segbox's ConvNeXt has layer_scale_init_value and gap_before_final_norm=False")
    args.skip("layer_scale_init_value")
    args.expect("use_grn", False)
    args.expect("in_channels", 3)
    args.expect("stem_patch_size", 4)
    args.expect("linear_pw_conv", True)
    args.expect("norm_cfg", {"type": "LN2d", "eps": 1e-6})
    name, form = timm_convnext(args)
    config = {
        "type": "Timm",
        "name": name,
        "model_arguments": {"drop_path_rate": args.take("drop_path_rate", 0.0), **form},
        "map_norm": 1e-6,
    }
    return Part(config, rename_convnext, levels={i: i - 4 for i in range(4)})


def expect_all_maps(args: Arguments, indices: tuple[int, ...]) -> None:
    """Refuse a network that gives other maps than all four; the default of mmpretrain is the last alone."""
    given = args.take("out_indices", -1)
    if not same(given, indices):
        raise ConfigError(f"{args.path}.out_indices: {given!r} has no counterpart in segbox, only {indices}")


def rename_convnext(weights: Weights) -> Weights:
    return renamed(weights, CONVNEXT_NAMES, CONVNEXT_BLOCK)


def timm_convnext(args: Arguments) -> tuple[str, dict[str, Any]]:
    """The name of timm's network, and what differs from it."""
    arch = args.take("arch", "tiny")
    if isinstance(arch, dict):
        return "convnext_tiny", {"depths": tuple(arch["depths"]), "dims": tuple(arch["channels"])}
    if arch not in CONVNEXTS:
        raise ConfigError(f"{args.path}.arch: segbox knows the ConvNeXts {', '.join(CONVNEXTS)}, not {arch!r}")
    return f"convnext_{arch}", {}


@converts("mmpretrain.PoolFormer", "mmcls.PoolFormer")
def convert_poolformer(args: Arguments, maps: Maps) -> Part:
    arch = args.take("arch", "s12")
    if arch not in (*POOLFORMERS, POOLFORMER_TEST):
        raise ConfigError(f"{args.path}.arch: segbox has the PoolFormers {', '.join(POOLFORMERS)}, not {arch!r}")
    expect_all_maps(args, (0, 2, 4, 6))
    for name, value in PATCHES.items():
        args.expect(name, value)
    args.expect("norm_cfg", {"type": "GN", "num_groups": 1})
    args.skip("drop_rate")
    variant = "test" if arch == POOLFORMER_TEST else arch
    config = {"type": "PoolFormer", "variant": variant, "drop_path": args.take("drop_path_rate", 0.0), "map_norm": True}
    return Part(config, rename_poolformer, levels={i: i - 4 for i in range(4)})


def rename_poolformer(weights: Weights) -> Weights:
    found = renamed(weights, POOLFORMER_NAMES, POOLFORMER_BLOCK)
    return {name: value.view(-1, 1, 1) if ".scale" in name else value for name, value in found.items()}
