"""EoMT of transformers, on DINOv2 and on DINOv3, in our terms."""

from collections.abc import Mapping

from segbox.errors import CheckpointError
from segbox.interop.names import Rules
from segbox.interop.transformers_parts import LAST, Part, Settings, Weights

# Blocks, width -> the size in timm's names
SIZES = {(12, 384): "small", (12, 768): "base", (24, 1024): "large"}
GATED_SIZE = (40, 1536)  # of DINOv2: its giant
GATED_NAMES = {(32, 1280): "huge_plus_patch16_dinov3_qkvb", (40, 4096): "7b_patch16_dinov3"}  # of DINOv3
TIMM_EPS = 1e-5  # of the norms of timm's DINOv3
MODEL, BLOCK = "backbone.network.model", r"layers\.(\d+)"
TABLE = f"{MODEL}.pos_embed"
SHARED: Rules = {
    r"attn_mask_probs": "decode_head.mask_probability",
    r"criterion\.empty_weight": None,
    r"query\.weight": "decode_head.queries",
    rf"class_predictor{LAST}": r"decode_head.classify.\1",
    rf"mask_head\.fc1{LAST}": r"decode_head.mask.0.\1",
    rf"mask_head\.fc2{LAST}": r"decode_head.mask.2.\1",
    rf"mask_head\.fc3{LAST}": r"decode_head.mask.4.\1",
    rf"upscale_block\.block\.(\d)\.conv1{LAST}": r"decode_head.upscale.\1.up.\2",
    r"upscale_block\.block\.(\d)\.conv2\.weight": r"decode_head.upscale.\1.mix.weight",
    rf"upscale_block\.block\.(\d)\.layernorm2d{LAST}": r"decode_head.upscale.\1.norm.\2",
    r"embeddings\.cls_token": f"{MODEL}.cls_token",
    r"embeddings\.register_tokens": f"{MODEL}.reg_token",
    r"embeddings\.mask_token": None,
    rf"layernorm{LAST}": rf"{MODEL}.norm.\1",
    rf"{BLOCK}\.norm([12]){LAST}": rf"{MODEL}.blocks.\1.norm\2.\3",
}
ON_DINOV2: Rules = {
    r"embeddings\.position_embeddings\.weight": TABLE,
    rf"embeddings\.patch_embeddings\.projection{LAST}": rf"{MODEL}.patch_embed.proj.\1",
    rf"{BLOCK}\.attention\.q_proj{LAST}": rf"{MODEL}.blocks.\1.attn.qkv#0.\2",
    rf"{BLOCK}\.attention\.k_proj{LAST}": rf"{MODEL}.blocks.\1.attn.qkv#1.\2",
    rf"{BLOCK}\.attention\.v_proj{LAST}": rf"{MODEL}.blocks.\1.attn.qkv#2.\2",
    rf"{BLOCK}\.attention\.out_proj{LAST}": rf"{MODEL}.blocks.\1.attn.proj.\2",
    rf"{BLOCK}\.layer_scale([12])\.lambda1": rf"{MODEL}.blocks.\1.ls\2.gamma",
    rf"{BLOCK}\.mlp\.(fc[12]){LAST}": rf"{MODEL}.blocks.\1.mlp.\2.\3",
    rf"{BLOCK}\.mlp\.weights_in{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1.\2",
    rf"{BLOCK}\.mlp\.gate_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1#0.\2",
    rf"{BLOCK}\.mlp\.up_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1#1.\2",
    rf"{BLOCK}\.mlp\.(?:weights_out|down_proj){LAST}": rf"{MODEL}.blocks.\1.mlp.fc2.\2",
}
ON_DINOV3: Rules = {
    rf"embeddings\.patch_embeddings{LAST}": rf"{MODEL}.patch_embed.proj.\1",
    rf"{BLOCK}\.attention\.q_proj\.weight": rf"{MODEL}.blocks.\1.attn.qkv#0.weight",
    rf"{BLOCK}\.attention\.k_proj\.weight": rf"{MODEL}.blocks.\1.attn.qkv#1.weight",
    rf"{BLOCK}\.attention\.v_proj\.weight": rf"{MODEL}.blocks.\1.attn.qkv#2.weight",
    rf"{BLOCK}\.attention\.([qv])_proj\.bias": rf"{MODEL}.blocks.\1.attn.\2_bias",
    rf"{BLOCK}\.attention\.o_proj{LAST}": rf"{MODEL}.blocks.\1.attn.proj.\2",
    rf"{BLOCK}\.layer_scale([12])\.lambda1": rf"{MODEL}.blocks.\1.gamma_\2",
    rf"{BLOCK}\.mlp\.up_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1.\2",
    rf"{BLOCK}\.mlp\.down_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc2.\2",
}
GATED: Rules = {
    **ON_DINOV3,
    rf"{BLOCK}\.mlp\.gate_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1_g.\2",
    rf"{BLOCK}\.mlp\.up_proj{LAST}": rf"{MODEL}.blocks.\1.mlp.fc1_x.\2",
}


def eomt(config: Settings) -> Part:
    config.expect(layer_norm_eps=1e-6)
    depth, width = shape_of(config)
    name, ratio = f"{SIZES.get((depth, width), 'small')}_patch14_reg4_dinov2", config.get("mlp_ratio", 4)
    if config.get("use_swiglu_ffn", False):
        name = "giant_patch14_reg4_dinov2"
        hidden = -(-(int(int(width * ratio) * 2 / 3)) // 8) * 8
        ratio = ratio_of(2 * hidden, width)  # timm counts both halves
    arguments = dict(mlp_ratio=ratio, reg_tokens=config.get("num_register_tokens", 4))
    return part(config, name, arguments, ON_DINOV2)


def eomt_dinov3(config: Settings) -> Part:
    config.expect(key_bias=False, proj_bias=True, mlp_bias=True, value_bias=config.get("query_bias", True))
    rope = config.get("rope_parameters", None) or {}
    if rope.get("rope_theta", 100.0) != 100 or rope.get("rope_type", "default") != "default":
        raise CheckpointError(f"{config.source}: rope_parameters={rope!r} have no counterpart in segbox")
    depth, width = shape_of(config)
    is_gated = config.get("use_gated_mlp", False)
    name = f"{SIZES.get((depth, width), 'small')}_patch16_dinov3_qkvb"
    arguments = dict(
        mlp_ratio=ratio_of(config.get("intermediate_size", 4096), width),
        num_reg_tokens=config.get("num_register_tokens", 4),
        qkv_bias=config.get("query_bias", True),
    )
    if is_gated:
        name = GATED_NAMES.get((depth, width), "small_plus_patch16_dinov3_qkvb")
        arguments["swiglu_align_to"] = 1  # exactly that many channels
    eps = config.get("layer_norm_eps", 1e-6)
    if eps not in (1e-6, TIMM_EPS):
        raise CheckpointError(f"{config.source}: layer_norm_eps={eps} has no counterpart in segbox; it has {TIMM_EPS}")
    notes = (f"the norms have eps {TIMM_EPS}, as in training with timm; transformers has {eps}",) if eps == 1e-6 else ()
    return part(config, name, arguments, GATED if is_gated else ON_DINOV3, notes, "silu" if is_gated else "gelu")


def shape_of(config: Settings) -> tuple[int, int]:
    """Blocks and their channels."""
    return config.get("num_hidden_layers", 24), config.get("hidden_size", 1024)


def ratio_of(hidden: int, width: int) -> float:
    """The mlp_ratio from which timm, which rounds down, makes that many channels."""
    ratio = hidden / width
    return ratio if int(width * ratio) == hidden else (hidden + 0.5) / width


def part(
    config: Settings, name: str, arguments: dict, rules: Rules, notes: tuple[str, ...] = (), act: str = "gelu"
) -> Part:
    config.expect(num_channels=3, hidden_dropout_prob=0.0, attention_dropout=0.0)
    if (own := config.get("hidden_act", "gelu")) != act:
        raise CheckpointError(f"{config.source}: hidden_act={own!r} has no counterpart in segbox; it has {act!r} here")
    size, patch = config.get("image_size", 640), config.get("patch_size", 16)
    upscales = max(1, patch.bit_length() - 3)
    config.expect(num_upscale_blocks=upscales)
    depth, width = shape_of(config)
    arguments |= dict(
        img_size=size, patch_size=patch, depth=depth, embed_dim=width, num_heads=config.get("num_attention_heads", 16),
        init_values=config.get("layerscale_value", 1.0), drop_path_rate=config.get("drop_path_rate", 0.0),
    )  # fmt: skip
    backbone = dict(type="Timm", name=f"vit_{name}", model_arguments=arguments)
    queries, blocks = config.get("num_queries", 200), config.get("num_blocks", 4)
    head = dict(type="EoMTHead", num_queries=queries, num_blocks=blocks, act=act)
    return Part(
        dict(backbone=backbone, decode_head=head),
        {**SHARED, **rules},
        with_table,
        notes,
        classifier="class_predictor.bias",
        others=1,
        test=dict(mode="slide", window=(size, size), stride=(size, size)),
        pipeline=(dict(type="Resize", short=size),),
    )


def with_table(weights: Mapping) -> Weights:
    """timm's table of positions has an axis for the batch."""
    return {name: value[None] if name == TABLE else value for name, value in weights.items()}
