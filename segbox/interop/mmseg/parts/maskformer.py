"""MaskFormer's head, which mmsegmentation takes from mmdetection."""

from segbox.errors import ConfigError
from segbox.interop.mmseg.part import Arguments, Maps, Part, Weights, converts, renamed
from segbox.interop.names import divided

from .mask2former import CONV, GROUP_NORM, RELU, common, decoder, expect_four_maps, names_of_predictor
from .transformer import bare, names_of_attention, names_of_mlp

LOSS = {
    "type": "MaskLoss",
    "class_loss_weight": 1.0,
    "mask_loss_weight": 20.0,
    "dice_loss_weight": 1.0,
    "num_points": None,
    "form": "focal",
    "void": "background",
}


@converts("MaskFormerHead")
def convert_maskformer(args: Arguments, maps: Maps) -> Part:
    expect_four_maps(args, maps)
    channels = common(args)
    if args.values["in_channels"][-1] == channels and not args.take("enforce_decoder_input_project", False):
        raise ConfigError(f"{args.path}.enforce_decoder_input_project: in segbox, a 1x1 projects the last map; set it")
    args.skip("enforce_decoder_input_project")
    pixels = args.inner("pixel_decoder")
    if (kind := bare(pixels.take("type"))) != "PixelDecoder":
        raise ConfigError(f"{pixels.path}.type: {kind} has no counterpart in segbox, only PixelDecoder")
    pixels.expect("norm_cfg", GROUP_NORM)
    pixels.expect("act_cfg", RELU)
    pixels.refuse_rest()
    config = {
        "type": "MaskFormerHead",
        "channels": channels,
        "mask_channels": args.take("mask_channels"),
        "num_queries": args.take("num_queries", 100),
        **decoder(args.inner("transformer_decoder"), channels),
        "loss": LOSS,
    }
    return Part(config, lambda weights: rename(weights, config["num_layers"]))


def rename(weights: Weights, layers: int) -> Weights:
    names = {
        "pixel_decoder.mask_feature.": "pixel_decoder.embed.",
        "decoder_input_proj.": "project.",
        "query_embed.weight": "query_positions",
        **names_of_predictor(),
    }
    for old, new in CONV.items():
        names[f"pixel_decoder.last_feat_conv.{old}"] = f"pixel_decoder.begin.0.{new}"
        for i in range(3):
            names[f"pixel_decoder.lateral_convs.{i}.{old}"] = f"pixel_decoder.lateral.{i}.{new}"
            names[f"pixel_decoder.output_convs.{i}.{old}"] = f"pixel_decoder.smooth.{i}.0.{new}"
    for i in range(layers):
        theirs, ours = f"transformer_decoder.layers.{i}.", f"blocks.{i}."
        names |= names_of_attention(f"{theirs}self_attn.", f"{ours}exchange.", f"{theirs}norms.0.")
        names |= names_of_attention(f"{theirs}cross_attn.", f"{ours}look.", f"{theirs}norms.1.")
        names |= names_of_mlp(theirs, f"{ours}mlp.", "norms.2.")
    return divided(renamed(weights, names, inside={}))
