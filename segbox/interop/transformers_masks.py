"""Mask2Former and MaskFormer of transformers, on Swin, in our terms."""

from collections.abc import Mapping
from typing import Any

from segbox.errors import CheckpointError
from segbox.interop.names import Rules, divided
from segbox.interop.transformers_parts import LAST, Part, Settings, check_stages, swin

ENCODER, PIXELS = r"model\.pixel_level_module\.encoder", r"model\.pixel_level_module\.decoder"
DECODER = r"model\.transformer_module\.decoder"
BLOCK = rf"{DECODER}\.layers\.(\d+)"


def mask2former(config: Settings) -> Part:
    channels = config.get("hidden_dim", 256)
    config.expect(
        feature_size=channels, pre_norm=False, enforce_input_projection=False, common_stride=4, dropout=0.0,
        activation_function="relu", feature_strides=(4, 8, 16, 32),
    )  # fmt: skip
    head = dict(
        type="Mask2FormerHead",
        channels=channels,
        mask_channels=config.get("mask_feature_size", 256),
        num_queries=config.get("num_queries", 100),
        num_layers=config.get("decoder_layers", 10) - 1,
        hidden=config.get("dim_feedforward", 2048),
        num_heads=config.get("num_attention_heads", 8),
        pixel_layers=config.get("encoder_layers", 6),
        pixel_hidden=config.get("encoder_feedforward_dim", 1024),
        loss=dict(
            type="MaskLoss", num_points=config.get("train_num_points", 12544), **weights_of_losses(config, 2, 5, 5)
        ),
    )
    return part(config, head, MASK2FORMER)


def maskformer(config: Settings) -> Part:
    decoder = Settings(config.source, config.get("decoder_config", None) or {})
    channels = decoder.get("d_model", 256)
    config.expect(fpn_feature_size=channels)
    decoder.expect(activation_function="relu", position_embedding_type="sine")
    head = dict(
        type="MaskFormerHead",
        channels=channels,
        mask_channels=config.get("mask_feature_size", 256),
        num_queries=decoder.get("num_queries", 100),
        num_layers=decoder.get("decoder_layers", 6),
        hidden=decoder.get("decoder_ffn_dim", 2048),
        num_heads=decoder.get("decoder_attention_heads", 8),
        dropout=decoder.get("dropout", 0.1),
        loss=dict(type="MaskLoss", **weights_of_losses(config, 1.0, 20.0, 1.0), num_points=None, form="focal"),
    )
    return part(config, head, MASKFORMER)


def weights_of_losses(config: Settings, of_class: float, of_mask: float, of_dice: float) -> dict[str, float]:
    """By the names of both configs; the given weights are their defaults."""
    return dict(
        class_loss_weight=float(config.get("class_weight", config.get("cross_entropy_weight", of_class))),
        mask_loss_weight=float(config.get("mask_weight", of_mask)),
        dice_loss_weight=float(config.get("dice_weight", of_dice)),
        no_object_weight=config.get("no_object_weight", 0.1),
    )


def part(config: Settings, head: dict[str, Any], rules: Rules) -> Part:
    own = config.get("backbone_config", None)
    if not isinstance(own, Mapping) or own.get("model_type") not in ("swin", "maskformer-swin"):
        kind = own.get("model_type") if isinstance(own, Mapping) else None
        raise CheckpointError(f"{config.source}: segbox has no counterpart of {head['type']} on {kind}; it has swin")
    settings = Settings(config.source, own)
    check_stages(settings)
    backbone, of_backbone, note = swin(settings)
    encoder = {name.replace(r"backbone\.", rf"{ENCODER}\.", 1): ours for name, ours in of_backbone.items()}
    encoder = {name.replace(r"(?:swin\.)?", r"(?:swin\.|model\.)?"): ours for name, ours in encoder.items()}
    more = {
        rf"{ENCODER}\.model\.layernorm\..+": None,  # of the classifier
        rf"{ENCODER}\.hidden_states_norms\.(\d){LAST}": r"backbone.map_norms.\1.\2",
    }
    return Part(
        dict(backbone=backbone, decode_head=head),
        {**encoder, **more, **SHARED, **rules},
        divided,
        (note,),
        classifier="class_predictor.bias",
        others=1,
        test=dict(mode="whole", divisor=32),
    )


def attention(theirs: str, ours: str) -> Rules:
    """The projections and the norm of an attention in a block."""
    names = {"q": "query", "k": "key", "v": "value", "(?:o|out)": "out"}
    block = rf"{BLOCK}\.{theirs}"
    rules = {
        rf"{block}\.{old}_proj{LAST}": rf"decode_head.blocks.\1.{ours}.attention.{new}.\2" for old, new in names.items()
    }
    return rules | {rf"{block}_layer_norm{LAST}": rf"decode_head.blocks.\1.{ours}.norm.\2"}


SHARED: Rules = {
    r"criterion\.empty_weight": None,
    r"model\.transformer_module\.queries_embedder\.weight": "decode_head.query_positions",
    **attention("self_attn", "exchange"),
    rf"{BLOCK}\.(?:mlp\.)?fc1{LAST}": r"decode_head.blocks.\1.mlp.expand.\2",
    rf"{BLOCK}\.(?:mlp\.)?fc2{LAST}": r"decode_head.blocks.\1.mlp.project.\2",
    rf"{BLOCK}\.final_layer_norm{LAST}": r"decode_head.blocks.\1.mlp.norm.\2",
    rf"{DECODER}\.layernorm{LAST}": r"decode_head.predict.norm.\1",
    rf"class_predictor{LAST}": r"decode_head.predict.classify.\1",
    rf"(?:{DECODER}\.mask_predictor\.)?mask_embedder\.(\d)\.0{LAST}": r"decode_head.predict.embed.\1.\2",
    rf"{PIXELS}\.mask_projection{LAST}": r"decode_head.pixel_decoder.embed.\1",
}
LAYER, OURS = rf"{PIXELS}\.encoder\.layers\.(\d+)", r"decode_head.pixel_decoder.blocks.\1"
MASK2FORMER: Rules = {
    r"model\.transformer_module\.queries_features\.weight": "decode_head.queries",
    r"model\.transformer_module\.level_embed\.weight": "decode_head.level_embedding",
    rf"{BLOCK}\.cross_attn\.in_proj_(weight|bias)": r"decode_head.blocks.\1.look.attention.joined.\2",
    **attention("cross_attn", "look"),
    rf"{PIXELS}\.level_embed": "decode_head.pixel_decoder.level_embedding",
    rf"{PIXELS}\.input_projections\.(\d)\.([01]){LAST}": r"decode_head.pixel_decoder.project.\1.\2.\3",
    rf"{PIXELS}\.adapter_1\.([01]){LAST}": r"decode_head.pixel_decoder.lateral.\1.\2",
    rf"{PIXELS}\.layer_1\.([01]){LAST}": r"decode_head.pixel_decoder.smooth.\1.\2",
    rf"{LAYER}\.self_attn\.sampling_offsets{LAST}": rf"{OURS}.attention.offsets.\2",
    rf"{LAYER}\.self_attn\.attention_weights{LAST}": rf"{OURS}.attention.weights.\2",
    rf"{LAYER}\.self_attn\.value_proj{LAST}": rf"{OURS}.attention.value.\2",
    rf"{LAYER}\.self_attn\.output_proj{LAST}": rf"{OURS}.attention.out.\2",
    rf"{LAYER}\.self_attn_layer_norm{LAST}": rf"{OURS}.norm.\2",
    rf"{LAYER}\.fc1{LAST}": rf"{OURS}.mlp.expand.\2",
    rf"{LAYER}\.fc2{LAST}": rf"{OURS}.mlp.project.\2",
    rf"{LAYER}\.final_layer_norm{LAST}": rf"{OURS}.mlp.norm.\2",
}
FPN = rf"{PIXELS}\.fpn"
MASKFORMER: Rules = {
    **attention("encoder_attn", "look"),
    rf"model\.transformer_module\.input_projection{LAST}": r"decode_head.project.\1",
    rf"{FPN}\.stem\.([01]){LAST}": r"decode_head.pixel_decoder.begin.0.\1.\2",
    **{
        rf"{FPN}\.layers\.{i}\.{theirs}\.([01]){LAST}": rf"decode_head.pixel_decoder.{ours}.\1.\2"
        for i in range(3)  # from the coarsest on
        for theirs, ours in (("proj", f"lateral.{2 - i}"), ("block", f"smooth.{2 - i}.0"))
    },
}
