"""Mask2Former's head, which mmsegmentation takes from mmdetection."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed, restates
from segbox.interop.names import divided

from .transformer import attention_of, bare, mlp_of, names_of_attention, names_of_mlp, sines_of

STRIDES = (4, 8, 16, 32)
GROUP_NORM = {"type": "GN", "num_groups": 32}
RELU = {"type": "ReLU"}
CONV = {"conv.": "0.", "gn.": "1."}


@restates("Mask2FormerHead", "MaskFormerHead")
def say_mask_channels(values: Mapping[str, Any]) -> dict[str, Any]:
    """Their `out_channels` are those of the masks' embeddings."""
    return {"mask_channels" if name == "out_channels" else name: value for name, value in values.items()}


@converts("Mask2FormerHead")
def convert_mask2former(args: Arguments, maps: Maps) -> Part:
    expect_four_maps(args, maps)
    channels = common(args)
    args.expect("strides", STRIDES)
    args.expect("num_transformer_feat_level", 3)
    args.expect("enforce_decoder_input_project", False)
    config = {
        "type": "Mask2FormerHead",
        "channels": channels,
        "mask_channels": args.take("mask_channels"),
        "num_queries": args.take("num_queries", 100),
        **decoder(args.inner("transformer_decoder"), channels),
        **pixel_decoder(args.inner("pixel_decoder"), channels),
    }
    if config.pop("pixel_heads") != config["num_heads"]:
        raise ConfigError(f"{args.path}.pixel_decoder: in segbox, it has as many attention heads as the decoder")
    if config.pop("dropout"):
        raise ConfigError(f"{args.path}.transformer_decoder: segbox's Mask2FormerHead has no dropout")
    return Part(config, lambda weights: rename(weights, config["pixel_layers"], config["num_layers"]))


def common(args: Arguments) -> int:
    """What the heads of MaskFormer and Mask2Former share; returns the number of channels."""
    channels = args.take("feat_channels")
    refuse_aligned(args)
    if args.values.get("num_classes") == 1:
        raise ConfigError(f"{args.path}.num_classes: segbox has no mask classification of one class")
    args.expect("norm_cfg", None)
    sines_of(args, "positional_encoding", channels)
    args.skip("loss_cls", "loss_mask", "loss_dice", "train_cfg", "test_cfg")
    return channels


def refuse_aligned(args: Arguments) -> None:
    if args.values.get("align_corners", False):
        raise ConfigError(f"{args.path}.align_corners: True has no counterpart in segbox for this head, only False")


def expect_four_maps(args: Arguments, maps: Maps) -> None:
    indices = args.take("in_index", (0, 1, 2, 3))
    if [maps.levels.get(i) for i in indices] != [-4, -3, -2, -1]:
        raise ConfigError(f"{args.path}.in_index: segbox's head reads the maps of strides 4, 8, 16 and 32")


def decoder(args: Arguments, channels: int) -> dict[str, Any]:
    """The settings of a transformer decoder of either head."""
    args.expect("return_intermediate", True)
    args.skip("num_layers")
    layer = args.inner("layer_cfg")
    heads = {attention_of(layer.inner(name), channels) for name in ("self_attn_cfg", "cross_attn_cfg")}
    if len(heads) != 1:
        raise ConfigError(f"{layer.path}: in segbox, both kinds of attention have as many heads and equal dropout")
    ((heads, dropout),) = heads
    hidden, rate = mlp_of(layer.inner("ffn_cfg"), channels)
    if rate != dropout:
        raise ConfigError(f"{layer.path}: in segbox, attention and linear layers have one rate of dropout")
    layer.refuse_rest()
    args.refuse_rest()
    return {"num_layers": args.take("num_layers"), "num_heads": heads, "hidden": hidden, "dropout": dropout}


def pixel_decoder(args: Arguments, channels: int) -> dict[str, Any]:
    if (kind := bare(args.take("type"))) != "MSDeformAttnPixelDecoder":
        raise ConfigError(f"{args.path}.type: {kind} has no counterpart in segbox, only MSDeformAttnPixelDecoder")
    args.expect("num_outs", 3)
    args.expect("norm_cfg", GROUP_NORM)
    args.expect("act_cfg", RELU)
    sines_of(args, "positional_encoding", channels)
    encoder = args.inner("encoder")
    layer = encoder.inner("layer_cfg")
    attention = layer.inner("self_attn_cfg")
    attention.expect("embed_dims", channels)
    attention.expect("num_levels", 3)
    attention.expect("dropout", 0.0)
    attention.expect("batch_first", True)
    attention.expect("norm_cfg", None)
    attention.expect("value_proj_ratio", 1.0)
    attention.skip("im2col_step")
    config = {"pixel_layers": encoder.take("num_layers"), "pixel_heads": attention.take("num_heads", 8)}
    config["num_points"] = attention.take("num_points", 4)
    config["pixel_hidden"], dropout = mlp_of(layer.inner("ffn_cfg"), channels)
    if dropout:
        raise ConfigError(f"{layer.path}: segbox's Mask2FormerHead has no dropout")
    for one in (attention, layer, encoder, args):
        one.refuse_rest()
    return config


def rename(weights: Weights, pixel_layers: int, layers: int) -> Weights:
    names = {
        "pixel_decoder.level_encoding.weight": "pixel_decoder.level_embedding",
        "pixel_decoder.mask_feature.": "pixel_decoder.embed.",
        "level_embed.weight": "level_embedding",
        "query_feat.weight": "queries",
        "query_embed.weight": "query_positions",
        **names_of_predictor(),
    }
    for i in range(3):
        names |= {
            f"pixel_decoder.input_convs.{i}.{old}": f"pixel_decoder.project.{i}.{new}" for old, new in CONV.items()
        }
    for old, new in CONV.items():
        names[f"pixel_decoder.lateral_convs.0.{old}"] = f"pixel_decoder.lateral.{new}"
        names[f"pixel_decoder.output_convs.0.{old}"] = f"pixel_decoder.smooth.{new}"
    for i in range(pixel_layers):
        theirs, ours = f"pixel_decoder.encoder.layers.{i}.", f"pixel_decoder.blocks.{i}."
        names |= {f"{theirs}self_attn.{old}": f"{ours}attention.{new}" for old, new in DEFORMABLE.items()}
        names |= {f"{theirs}norms.0.": f"{ours}norm.", **names_of_mlp(theirs, f"{ours}mlp.", "norms.1.")}
    for i in range(layers):
        theirs, ours = f"transformer_decoder.layers.{i}.", f"blocks.{i}."
        names |= names_of_attention(f"{theirs}cross_attn.", f"{ours}look.", f"{theirs}norms.0.")
        names |= names_of_attention(f"{theirs}self_attn.", f"{ours}exchange.", f"{theirs}norms.1.")
        names |= names_of_mlp(theirs, f"{ours}mlp.", "norms.2.")
    return divided(renamed(weights, names, inside={}))


DEFORMABLE = {
    "sampling_offsets.": "offsets.",
    "attention_weights.": "weights.",
    "value_proj.": "value.",
    "output_proj.": "out.",
}


def names_of_predictor() -> dict[str, str]:
    names = {"transformer_decoder.post_norm.": "predict.norm.", "cls_embed.": "predict.classify."}
    return names | {f"mask_embed.{2 * i}.": f"predict.embed.{i}." for i in range(3)}
