"""DPT and BEiT of transformers, both on plain ViTs, in our terms."""

from collections.abc import Iterable

from segbox.errors import CheckpointError
from segbox.interop.mmseg.parts.vit import VARIANTS
from segbox.interop.names import NORM, Rules, without_patch_bias
from segbox.interop.transformers_parts import LAST, UPER_HEAD, Part, Settings, auxiliary

MLP_RATIO = 4
BLOCK = r"(?:dpt\.encoder\.layer|beit\.encoder\.layer|beit\.layers)\.(\d+)"
OURS = r"backbone.blocks.\1"
QUERY, KEY, VALUE = (rf"{BLOCK}\.attention\.(?:attention\.{name}|{name[0]}_proj)" for name in ("query", "key", "value"))
VIT: Rules = {  # of both
    r"(?:dpt|beit)\.embeddings\.cls_token": "backbone.class_token",
    r"(?:dpt|beit)\.embeddings\.position_embeddings": "backbone.positions",
    r"(?:dpt|beit)\.embeddings\.mask_token": None,
    rf"(?:dpt|beit)\.embeddings\.patch_embeddings\.projection{LAST}": r"backbone.embed.\1",
    r"(?:dpt|beit)\.(?:layernorm|pooler)\..+": None,  # no map depends on them
    rf"{BLOCK}\.layernorm_before{LAST}": rf"{OURS}.norm1.\2",
    rf"{BLOCK}\.layernorm_after{LAST}": rf"{OURS}.norm2.\2",
    rf"{BLOCK}\.attention\.(?:output\.dense|o_proj){LAST}": rf"{OURS}.attention.out.\2",
    rf"{BLOCK}\.(?:intermediate\.dense|mlp\.fc1){LAST}": rf"{OURS}.mlp.0.\2",
    rf"{BLOCK}\.(?:output\.dense|mlp\.fc2){LAST}": rf"{OURS}.mlp.2.\2",
    rf"{QUERY}\.weight": rf"{OURS}.attention.query_key_value#0.weight",
    rf"{KEY}\.weight": rf"{OURS}.attention.query_key_value#1.weight",
    rf"{VALUE}\.weight": rf"{OURS}.attention.query_key_value#2.weight",
}
TABLE = r"(?:attention\.attention\.)?relative_position_bias\.relative_position"
BEIT: Rules = {
    rf"{QUERY}\.bias": rf"{OURS}.attention.query_bias",
    rf"{VALUE}\.bias": rf"{OURS}.attention.value_bias",
    rf"{BLOCK}\.lambda_([12])": rf"{OURS}.scale\2.factor",
    rf"{BLOCK}\.{TABLE}_bias_table": r"backbone.tables.\1",
    rf"{BLOCK}\.{TABLE}_index": None,  # follows from the size of images
    rf"(?:fpn1\.0|fpn\.fpn1\.conv_transpose1){LAST}": r"neck.levels.0.0.\1",
    rf"(?:fpn1\.1|fpn\.fpn1\.normalization)\.{NORM}": r"neck.levels.0.1.\1",
    rf"(?:fpn1\.3|fpn\.fpn1\.conv_transpose2){LAST}": r"neck.levels.0.3.\1",
    rf"(?:fpn2\.0|fpn\.fpn2){LAST}": r"neck.levels.1.0.\1",
}
LEVEL, FUSION = r"neck\.reassemble_stage", r"neck\.fusion_stage\.layers"
DPT: Rules = {
    rf"{QUERY}\.bias": rf"{OURS}.attention.query_key_value#0.bias",
    rf"{KEY}\.bias": rf"{OURS}.attention.query_key_value#1.bias",
    rf"{VALUE}\.bias": rf"{OURS}.attention.query_key_value#2.bias",
    rf"{LEVEL}\.layers\.(\d)\.projection{LAST}": r"decode_head.levels.\1.project.\2",
    rf"{LEVEL}\.layers\.(\d)\.resize{LAST}": r"decode_head.levels.\1.rescale.\2",
    rf"{LEVEL}\.readout_projects\.(\d)\.0{LAST}": r"decode_head.levels.\1.readout.0.\2",
    r"neck\.convs\.(\d)\.weight": r"decode_head.convs.\1.weight",
    rf"{FUSION}\.0\.residual_layer1\..+": None,  # nothing comes to the coarsest map
    **{
        rf"{FUSION}\.{i}\.{theirs}": rf"decode_head.fusions.{3 - i}.{ours}"
        for i in range(4)  # from the coarsest on
        for theirs, ours in (
            (rf"projection{LAST}", r"project.\1"),
            (r"residual_layer1\.convolution([12])\.weight", r"join.conv\1.conv.weight"),
            (rf"residual_layer1\.batch_norm([12])\.{NORM}", r"join.conv\1.norm.\2"),
            (r"residual_layer2\.convolution([12])\.weight", r"refine.conv\1.conv.weight"),
            (rf"residual_layer2\.batch_norm([12])\.{NORM}", r"refine.conv\1.norm.\2"),
        )
    },
    r"head\.head\.0\.weight": "decode_head.fuse.conv.weight",
    rf"head\.head\.1\.{NORM}": r"decode_head.fuse.norm.\1",
    rf"head\.head\.4{LAST}": r"decode_head.classify.\1",
    r"auxiliary_head\..+": None,
}


def dpt(config: Settings) -> Part:
    check_dpt(config)
    has_readout = config.get("readout_type", "project") == "project"
    backbone = dict(
        type="VisionTransformer",
        out_indices=tuple(sorted(config.get("backbone_out_indices", (2, 5, 8, 11)))),
        class_token="joined" if has_readout else "seen",
        resize="bilinear",
        **of_vit(config, image_size=384),
    )
    head = dict(
        type="DPTHead",
        channels=config.get("fusion_hidden_size", 256),
        level_channels=config.get("neck_hidden_sizes", (96, 192, 384, 768)),
        readout=has_readout,
        dropout=config.get("semantic_classifier_dropout", 0.1),
    )
    note = "the auxiliary head, which only training needs, is left out"
    return Part(
        dict(backbone=backbone, decode_head=head, align_corners=True),  # transformers doubles its logits so
        {**VIT, **DPT},
        without_patch_bias,
        (note,) if config.get("use_auxiliary_head", True) else (),
        classifier="head.head.4.bias",
        test=dict(mode="whole", divisor=32),
    )


def check_dpt(config: Settings) -> None:
    """Refuse the forms of DPT that segbox does not have."""
    config.expect(
        is_hybrid=False, backbone_config=None, qkv_bias=True, reassemble_factors=(4, 2, 1, 0.5), head_in_index=-1
    )
    if (readout := config.get("readout_type", "project")) not in ("project", "ignore"):
        raise CheckpointError(
            f"{config.source}: readout_type={readout!r} has no counterpart in segbox; it has 'project' and 'ignore'"
        )
    has_norms = config.get("use_batch_norm_in_fusion_residual", False)
    if not has_norms or config.get("use_bias_in_fusion_residual", None):
        raise CheckpointError(
            f"{config.source}: segbox's DPTHead has batch norms and no biases in its fusions"
            " (use_batch_norm_in_fusion_residual=True, use_bias_in_fusion_residual=False)"
        )


def beit(config: Settings) -> Part:
    config.expect(use_relative_position_bias=True, use_shared_relative_position_bias=False)
    places = config.get("out_indices", None)
    if places is None or len(places) != 4 or min(places) < 2:
        raise CheckpointError(
            f"{config.source}: out_indices={places!r} has no counterpart in segbox; four from 2 on have"
        )
    blocks, depth = [place - 1 for place in places], config.get("num_hidden_layers", 12)
    last = max(blocks)  # the blocks behind it are there, but their outputs are never used
    backbone = dict(
        type="BEiT",
        out_indices=tuple(block - 1 for block in blocks),
        positions=config.get("use_absolute_position_embeddings", False),
        scale=config.get("layer_scale_init_value", 0.1),
        drop_path=config.get("drop_path_rate", 0.1),
        depth=last,
        **of_vit(config, image_size=224),
    )
    size = backbone["image_size"]
    head = dict(type="UPerHead", channels=config.get("hidden_size", 768))
    head["pool_scales"] = config.get("pool_scales", (1, 2, 3, 6))
    left_out = {rf"beit\.(?:encoder\.layer|layers)\.{i}\..+": None for i in range(last, depth)}
    parts = dict(backbone=backbone, neck=dict(type="ViTPyramid"), decode_head=head, auxiliary_maps="neck")
    return Part(
        parts | auxiliary(config),
        {**left_out, **VIT, **BEIT, **UPER_HEAD},
        notes=(
            f"for out_indices {places}, transformers takes the maps behind blocks {numbers(blocks)} of {depth};"
            f" mmsegmentation takes those behind {numbers(place + 1 for place in places)}",
            f"for equal logits, images must have {size} x {size} pixels",
        ),
        test=dict(mode="slide", window=(size, size), stride=(size * 2 // 3, size * 2 // 3)),
    )


def numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


def of_vit(config: Settings, image_size: int) -> dict[str, object]:
    """The arguments that both backbones share; `image_size` is the default."""
    config.expect(num_channels=3, patch_size=16, hidden_act="gelu")
    form = config.get("hidden_size", 768), config.get("num_hidden_layers", 12), config.get("num_attention_heads", 12)
    if form not in VARIANTS or config.get("intermediate_size", 3072) != MLP_RATIO * form[0]:
        raise CheckpointError(
            f"{config.source}: segbox has no plain ViT of hidden_size, num_hidden_layers, num_attention_heads {form}"
            f" and intermediate_size {config.get('intermediate_size', 3072)}"
        )
    size = config.get("image_size", image_size)
    if not isinstance(size, int):
        raise CheckpointError(f"{config.source}: image_size={size!r} has no counterpart in segbox, only one number")
    return dict(variant=VARIANTS[form], image_size=size, eps=config.get("layer_norm_eps", 1e-12))
