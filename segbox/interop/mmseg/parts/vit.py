"""The plain vision transformer, the neck and the heads that read its maps: UPerNet's neck, SETR, Segmenter, DPT."""

from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, dropout, renamed, same
from segbox.interop.names import without_patch_bias

from .pyramids import EVERY_LEVEL, expect_all_levels

# (channels, blocks, attention heads) -> variant
VARIANTS = {
    (192, 12, 3): "tiny",
    (384, 12, 6): "small",
    (768, 12, 12): "base",
    (1024, 24, 16): "large",
    (8, 4, 2): "test",
}
NAMES = {
    "cls_token": "class_token",
    "pos_embed": "positions",
    "patch_embed.projection.": "embed.",
    "layers.": "blocks.",
    "ln1.": "norm.",
}
OF_BLOCK = {
    ".ln1.": ".norm1.",
    ".ln2.": ".norm2.",
    ".attn.attn.in_proj_": ".attention.query_key_value.",
    ".attn.attn.out_proj.": ".attention.out.",
    ".ffn.layers.0.0.": ".mlp.0.",
    ".ffn.layers.1.": ".mlp.2.",
}
SEGMENTER_NAMES = {
    "layers.": "blocks.",
    "dec_proj.": "project.",
    "cls_emb": "classes",
    "patch_proj.": "project_cells.",
    "classes_proj.": "project_classes.",
    "decoder_norm.": "norm.",
    "mask_norm.": "norm_classes.",
}
SETR_NORM = {"type": "LN", "eps": 1e-6, "requires_grad": True}


@converts("VisionTransformer")
def convert_vit(args: Arguments, maps: Maps) -> Part:
    form = args.take("embed_dims", 768), args.take("num_layers", 12), args.take("num_heads", 12)
    if form not in VARIANTS:
        raise ConfigError(
            f"{args.path}: segbox has no VisionTransformer with embed_dims {form[0]}, num_layers {form[1]} and"
            f" num_heads {form[2]}"
        )
    for name in ("out_origin", "patch_norm", "patch_bias", "pre_norm"):
        args.expect(name, False)
    args.expect("patch_pad", "corner")
    args.skip("frozen_exclude")
    expect_usual(args)
    given = args.take("out_indices", -1)
    indices = tuple(i % form[1] for i in (given if isinstance(given, list | tuple) else (given,)))
    config = {
        "type": "VisionTransformer",
        "variant": VARIANTS[form],
        "image_size": square(args),
        "out_indices": indices,
        "class_token": class_token(args),
        "final_norm": args.take("final_norm", False),
        "resize": args.take("interpolate_mode", "bicubic"),
        "eps": eps_of(args),
        "drop_path": args.take("drop_path_rate", 0.0),
    }
    return Part(config, rename_vit, levels={i: i - len(indices) for i in range(len(indices))})


def expect_usual(args: Arguments) -> None:
    """Read what all of our ViTs, BEiTs among them, have in one form only."""
    args.expect("patch_size", 16)
    args.expect("in_channels", 3)
    expect_usual_blocks(args)


def expect_usual_blocks(args: Arguments) -> None:
    args.expect("mlp_ratio", 4)
    args.expect("num_fcs", 2)
    args.expect("qkv_bias", True)
    args.expect("act_cfg", {"type": "GELU"})
    args.skip("drop_rate", "attn_drop_rate")


def class_token(args: Arguments) -> str:
    if not args.take("with_cls_token", True):
        return "out"
    return "joined" if args.take("output_cls_token", False) else "seen"


def square(args: Arguments) -> int:
    """The side of the images that the positions are for."""
    value = args.take("img_size", 224)
    sides = (value,) if isinstance(value, int) else tuple(value)
    if len(set(sides)) != 1:
        raise ConfigError(f"{args.path}.img_size: {value!r} has no counterpart in segbox, only squares")
    return sides[0]


def eps_of(args: Arguments) -> float:
    """The eps of layer norms."""
    norm: Any = args.take("norm_cfg", {"type": "LN"})
    eps = norm.get("eps", 1e-5)
    if norm.get("type") != "LN" or norm.keys() - {"type", "eps", "requires_grad"}:
        raise ConfigError(f"{args.path}.norm_cfg: {norm!r} has no counterpart in segbox, only layer norms")
    return eps


def rename_vit(weights: Weights) -> Weights:
    """The first versions of mmsegmentation had a bias of the patches: here it is a part of the positions."""
    return without_patch_bias(renamed(weights, NAMES, OF_BLOCK), prefix="")


@converts("MultiLevelNeck")
def convert_multi_level(args: Arguments, maps: Maps) -> Part:
    args.skip("in_channels")
    args.expect("norm_cfg", None)
    args.expect("act_cfg", None)
    if not same(args.take("scales", (0.5, 1, 2, 4)), (4, 2, 1, 0.5)):
        raise ConfigError(f"{args.path}.scales: segbox's MultiLevelNeck has (4, 2, 1, 0.5)")
    if len(maps.levels) not in (1, 4):
        raise ConfigError(f"{args.path}: segbox's MultiLevelNeck reads one map or four, not {len(maps.levels)}")
    names = {f"lateral_convs.{i}.conv.": f"laterals.{i}." for i in range(4)}
    names |= {f"convs.{i}.conv.": f"smooth.{i}." for i in range(4)}
    config = {"type": "MultiLevelNeck", "channels": args.take("out_channels")}
    return neck_of(config, names, levels=dict(enumerate(EVERY_LEVEL)))


def neck_of(config: dict[str, Any], names: dict[str, str], levels: dict[int, int]) -> Part:
    """A neck whose maps the auxiliary heads read too."""
    model = {"auxiliary_maps": "neck"}
    return Part(config, lambda weights: renamed(weights, names), model=model, levels=levels, passes=levels)


@converts("MLANeck")
def convert_mla_neck(args: Arguments, maps: Maps) -> Part:
    """Our maps are in the order of those that come in, theirs in the opposite one."""
    args.skip("in_channels")
    args.expect("norm_layer", SETR_NORM)
    if args.values.get("norm_cfg") is None or args.values.get("act_cfg") != {"type": "ReLU"}:
        raise ConfigError(f"{args.path}: in segbox's MLANeck, a norm and a ReLU follow each convolution")
    names = {f"norm.{i}.": f"norms.{i}." for i in range(4)}
    names |= {f"mla.channel_proj.{i}.": f"laterals.{i}." for i in range(4)}
    names |= {f"mla.feat_extract.{i}.": f"smooth.{3 - i}." for i in range(4)}
    if sorted(maps.levels.values()) != EVERY_LEVEL:
        raise ConfigError(f"{args.path}: segbox has the MLANeck of four maps, not of {len(maps.levels)}")
    config = {"type": "MLANeck", "channels": args.take("out_channels")}
    return neck_of(config, names, levels={i: -1 - i for i in range(4)})


@converts("SETRUPHead")
def convert_setr_up(args: Arguments, maps: Maps) -> Part:
    args.expect("norm_layer", SETR_NORM)
    config = {
        "type": "SETRUPHead",
        "level": maps.level(args),
        "channels": args.take("channels"),
        "num_convs": args.take("num_convs", 1),
        "kernel": args.take("kernel_size", 3),
        "scale": args.take("up_scale", 4),
        "dropout": dropout(args),
    }
    names = {f"up_convs.{i}.0.": f"convs.{i}." for i in range(config["num_convs"])}
    return Part(config, lambda weights: renamed(weights, {**names, "norm.": "norm.", "conv_seg.": "classify."}))


@converts("SETRMLAHead")
def convert_setr_mla(args: Arguments, maps: Maps) -> Part:
    indices = args.take("in_index")
    if [maps.levels.get(i) for i in indices] != EVERY_LEVEL[::-1]:
        raise ConfigError(
            f"{args.path}.in_index: segbox's SETRMLAHead reads the four maps of an MLANeck in their order"
        )
    width = args.take("mla_channels", 128)
    args.expect("channels", 4 * width)
    config = {"type": "SETRMLAHead", "channels": width, "scale": args.take("up_scale", 4), "dropout": dropout(args)}
    return Part(config, rename_setr_mla)


def rename_setr_mla(weights: Weights) -> Weights:
    names = {f"up_convs.{i}.": f"convs.{3 - i}." for i in range(4)}
    found = renamed(weights, {**names, "conv_seg.": "classify."})
    if (value := found.get("classify.weight")) is not None:
        found["classify.weight"] = value.unflatten(1, (4, -1)).flip(1).flatten(1, 2)
    return found


@converts("SegmenterMaskTransformerHead")
def convert_segmenter(args: Arguments, maps: Maps) -> Part:
    maps.expect_last(args)
    expect_usual_blocks(args)
    args.skip("channels", "dropout_ratio", "init_std")  # of layers that this head does not have
    config = {
        "type": "SegmenterHead",
        "channels": args.take("embed_dims"),
        "depth": args.take("num_layers"),
        "heads": args.take("num_heads"),
        "drop_path": args.take("drop_path_rate", 0.1),
        "eps": eps_of(args),
    }
    return Part(config, lambda weights: renamed(weights, SEGMENTER_NAMES, OF_BLOCK))


@converts("DPTHead")
def convert_dpt(args: Arguments, maps: Maps) -> Part:
    expect_all_levels(args, maps)
    args.skip("embed_dims")
    args.expect("patch_size", 16)
    args.expect("expand_channels", False)
    args.expect("readout_type", "project")
    config = {
        "type": "DPTHead",
        "channels": args.take("channels"),
        "level_channels": tuple(args.take("post_process_channels", (96, 192, 384, 768))),
        "readout": True,
        "dropout": dropout(args),
    }
    return Part(config, rename_dpt)


def rename_dpt(weights: Weights) -> Weights:
    names = {"project.": "fuse.", "conv_seg.": "classify."}
    for i in range(4):
        names[f"reassemble_blocks.projects.{i}.conv."] = f"levels.{i}.project."
        names[f"reassemble_blocks.resize_layers.{i}."] = f"levels.{i}.rescale."
        names[f"reassemble_blocks.readout_projects.{i}."] = f"levels.{i}.readout."
        names[f"convs.{i}.conv."] = f"convs.{i}."
        names[f"fusion_blocks.{i}.project.conv."] = f"fusions.{3 - i}.project."
        names[f"fusion_blocks.{i}.res_conv_unit1."] = f"fusions.{3 - i}.join."
        names[f"fusion_blocks.{i}.res_conv_unit2."] = f"fusions.{3 - i}.refine."
    return renamed(weights, names)
