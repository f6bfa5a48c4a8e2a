"""SegFormer and UPerNet of transformers in our terms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from segbox.errors import CheckpointError
from segbox.interop.names import NORM, Rules

Weights = Mapping[str, Tensor]
LAST = r"\.(weight|bias)"
# MixTransformer: hidden sizes and depths -> variant
MIT = {
    ((32, 64, 160, 256), (2, 2, 2, 2)): "b0",
    ((64, 128, 320, 512), (2, 2, 2, 2)): "b1",
    ((64, 128, 320, 512), (3, 4, 6, 3)): "b2",
    ((64, 128, 320, 512), (3, 4, 18, 3)): "b3",
    ((64, 128, 320, 512), (3, 8, 27, 3)): "b4",
    ((64, 128, 320, 512), (3, 6, 40, 3)): "b5",
    ((8, 16, 40, 64), (1, 1, 1, 2)): "test",
}
# Swin: its settings with transformers' defaults; values -> variant
SWIN_DEFAULTS = {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
SWIN = {
    (96, (2, 2, 6, 2), (3, 6, 12, 24)): "tiny",
    (96, (2, 2, 18, 2), (3, 6, 12, 24)): "small",
    (128, (2, 2, 18, 2), (4, 8, 16, 32)): "base",
    (192, (2, 2, 18, 2), (6, 12, 24, 48)): "large",
    (8, (1, 2, 1, 2), (1, 2, 4, 8)): "test",
}
STAGES = ("stage1", "stage2", "stage3", "stage4")


@dataclass(frozen=True)
class Settings:
    """A config.json, or a part of it; what it leaves out has transformers' default."""

    source: str
    values: Mapping[str, Any]

    def get(self, name: str, default: Any) -> Any:
        value = self.values.get(name, default)
        return tuple(value) if isinstance(value, list) else value

    def expect(self, **only: Any) -> None:
        """Refuse a config with other values than these, which are transformers' defaults."""
        for name, value in only.items():
            if (found := self.get(name, value)) != value:
                raise CheckpointError(f"{self.source}: {name}={found!r} has no counterpart in segbox; it has {value!r}")


@dataclass(frozen=True)
class Part:
    """Sections of our model's config, the rules for names, and what is done to tensors after that."""

    model: dict[str, Any]
    rules: Rules
    finish: Callable[[Weights], Weights] = dict
    notes: tuple[str, ...] = ()
    classifier: str = "decode_head.classifier.bias"  # their tensor with a number for each class, ...
    others: int = 0  # ... and for so many outputs that are no classes
    test: dict[str, Any] = field(default_factory=lambda: dict(mode="whole"))
    pipeline: tuple[dict[str, Any], ...] = ()  # transforms of images before the model


def segformer(config: Settings) -> Part:
    config.expect(
        num_channels=3, num_encoder_blocks=4, num_attention_heads=(1, 2, 5, 8), sr_ratios=(8, 4, 2, 1),
        mlp_ratios=(4, 4, 4, 4), patch_sizes=(7, 3, 3, 3), strides=(4, 2, 2, 2), hidden_act="gelu",
        reshape_last_stage=True,
    )  # fmt: skip
    shape = config.get("hidden_sizes", (32, 64, 160, 256)), config.get("depths", (2, 2, 2, 2))
    if shape not in MIT:
        raise CheckpointError(f"{config.source}: segbox has no MixTransformer of hidden_sizes, depths {shape}")
    backbone = dict(type="MixTransformer", variant=MIT[shape], drop_path=config.get("drop_path_rate", 0.1))
    dropout = config.get("classifier_dropout_prob", 0.1)
    head = dict(type="SegFormerHead", channels=config.get("decoder_hidden_size", 256), dropout=dropout)
    return Part(dict(backbone=backbone, decode_head=head), {**mit_rules(), **SEGFORMER_HEAD}, segformer_head)


def mit_rules() -> dict[str, str | None]:
    """The names in the hub's files, and those of modules since transformers 5."""
    rules: dict[str, str | None] = {}
    for embed, norm, block in (
        (r"encoder\.patch_embeddings\.(\d)", r"encoder\.layer_norm\.(\d)", r"encoder\.block\.(\d)\.(\d+)"),
        (r"stages\.(\d)\.patch_embeddings", r"stages\.(\d)\.layer_norm", r"stages\.(\d)\.blocks\.(\d+)"),
    ):
        inside = {
            r"(?:layer_norm_1|layernorm_before)": "norm1",
            r"(?:layer_norm_2|layernorm_after)": "norm2",
            r"attention\.(?:self\.query|q_proj)": "attention.query",
            r"attention\.(?:self\.key|k_proj)": "attention.key_value#0",
            r"attention\.(?:self\.value|v_proj)": "attention.key_value#1",
            r"attention\.(?:self\.sr|sequence_reduction\.sequence_reduction)": "attention.reduce",
            r"attention\.(?:self|sequence_reduction)\.layer_norm": "attention.reduce_norm",
            r"attention\.(?:output\.dense|o_proj)": "attention.out",
            r"mlp\.(?:dense1|fc1)": "mlp.expand",
            r"mlp\.dwconv\.dwconv": "mlp.depthwise",
            r"mlp\.(?:dense2|fc2)": "mlp.project",
        }
        rules |= {
            rf"segformer\.{embed}\.proj{LAST}": r"backbone.stages.\1.embed.project.\2",
            rf"segformer\.{embed}\.layer_norm{LAST}": r"backbone.stages.\1.embed.norm.\2",
            rf"segformer\.{norm}{LAST}": r"backbone.stages.\1.norm.\2",
        }
        for theirs, ours in inside.items():
            rules[rf"segformer\.{block}\.{theirs}{LAST}"] = rf"backbone.stages.\1.blocks.\2.{ours}.\3"
    return rules


SEGFORMER_HEAD = {
    rf"decode_head\.(?:linear_c|linear_projections)\.(\d)\.proj{LAST}": r"decode_head.project.\1.\2",
    r"decode_head\.linear_fuse\.weight": "decode_head.mix.conv.weight",
    rf"decode_head\.batch_norm\.{NORM}": r"decode_head.mix.norm.\1",
    rf"decode_head\.classifier{LAST}": r"decode_head.classify.\1",
}


def segformer_head(weights: Weights) -> Weights:
    """transformers projects by linear layers, and mixes the maps coarsest first."""
    found = dict(weights)
    for name, value in weights.items():
        if name.startswith("decode_head.project.") and value.dim() == 2:
            found[name] = value[:, :, None, None]
        elif name == "decode_head.mix.conv.weight":
            found[name] = torch.cat(value.chunk(len(STAGES), dim=1)[::-1], dim=1)
    return found


def upernet(config: Settings) -> Part:
    backbone_config = config.get("backbone_config", None)
    if config.get("use_timm_backbone", False) or not isinstance(backbone_config, Mapping):
        raise CheckpointError(f"{config.source}: segbox has no counterpart of UPerNet without a backbone_config")
    own = Settings(config.source, backbone_config)
    kind = own.get("model_type", None)
    if kind not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise CheckpointError(f"{config.source}: segbox has no counterpart of UPerNet on {kind}; it has {known}")
    check_stages(own)
    backbone, rules, note = BACKBONES[kind](own)
    head = dict(type="UPerHead", channels=config.get("hidden_size", 512))
    head["pool_scales"] = config.get("pool_scales", (1, 2, 3, 6))
    model = dict(backbone=backbone, decode_head=head)
    return Part(model | auxiliary(config), {**rules, **UPER_HEAD}, notes=(note,))


def auxiliary(config: Settings) -> dict[str, Any]:
    """The section of an auxiliary head on the third map, if there is one."""
    if not config.get("use_auxiliary_head", True):
        return {}
    config.expect(auxiliary_concat_input=False)  # auxiliary_in_channels, of older files, is what the map has
    loss = dict(type="CrossEntropyLoss", loss_weight=config.get("auxiliary_loss_weight", 0.4))
    channels, depth = config.get("auxiliary_channels", 256), config.get("auxiliary_num_convs", 1)
    return dict(auxiliary_head=dict(type="FCNHead", level=2, channels=channels, num_convs=depth, loss=loss))


def check_stages(config: Settings) -> None:
    indices, names = config.get("out_indices", None), config.get("out_features", None)
    if names not in (None, STAGES) or (names is None and indices not in ((1, 2, 3, 4), (-4, -3, -2, -1))):
        raise CheckpointError(f"{config.source}: UPerNet on the maps {names or indices} has no counterpart in segbox")


CONV, BATCH_NORM = r"(?:conv|convolution)", rf"(?:batch_norm|bn|normalization)\.{NORM}"
POOL = r"decode_head\.psp_modules\.(?:blocks\.)?(\d+)\.(?:1|conv)"
UPER_HEAD = {  # BEiT's has other names for the same parts
    rf"{POOL}\.{CONV}\.weight": r"decode_head.pool.0.levels.\1.1.conv.weight",
    rf"{POOL}\.{BATCH_NORM}": r"decode_head.pool.0.levels.\1.1.norm.\2",
    rf"decode_head\.(?:psp_)?bottleneck\.{CONV}\.weight": "decode_head.pool.1.conv.weight",
    rf"decode_head\.(?:psp_)?bottleneck\.{BATCH_NORM}": r"decode_head.pool.1.norm.\1",
    rf"decode_head\.lateral_convs\.(\d)\.{CONV}\.weight": r"decode_head.lateral.\1.conv.weight",
    rf"decode_head\.lateral_convs\.(\d)\.{BATCH_NORM}": r"decode_head.lateral.\1.norm.\2",
    rf"decode_head\.fpn_convs\.(\d)\.{CONV}\.weight": r"decode_head.smooth.\1.conv.weight",
    rf"decode_head\.fpn_convs\.(\d)\.{BATCH_NORM}": r"decode_head.smooth.\1.norm.\2",
    rf"decode_head\.fpn_bottleneck\.{CONV}\.weight": "decode_head.fuse.conv.weight",
    rf"decode_head\.fpn_bottleneck\.{BATCH_NORM}": r"decode_head.fuse.norm.\1",
    rf"decode_head\.classifier{LAST}": r"decode_head.classify.\1",
    rf"auxiliary_head\.convs\.(\d+)\.{CONV}\.weight": r"auxiliary_heads.0.convs.\1.conv.weight",
    rf"auxiliary_head\.convs\.(\d+)\.{BATCH_NORM}": r"auxiliary_heads.0.convs.\1.norm.\2",
    rf"auxiliary_head\.classifier{LAST}": r"auxiliary_heads.0.classify.\1",
}


def map_norm_rules() -> dict[str, str | None]:
    stages = enumerate(STAGES)
    return {rf"backbone\.hidden_states_norms\.{name}{LAST}": rf"backbone.map_norms.{i}.\1" for i, name in stages}


def convnext(config: Settings) -> tuple[dict[str, Any], Rules, str]:
    config.expect(num_channels=3, patch_size=4, num_stages=4, hidden_act="gelu")
    arguments = dict(dims=config.get("hidden_sizes", (96, 192, 384, 768)), depths=config.get("depths", (3, 3, 9, 3)))
    if config.get("layer_scale_init_value", 1e-6) <= 0:
        raise CheckpointError(f"{config.source}: ConvNeXt without layer_scale_init_value has no counterpart in segbox")
    arguments["drop_path_rate"] = config.get("drop_path_rate", 0.0)
    block, ours = r"backbone\.encoder\.stages\.(\d)\.layers\.(\d+)", r"backbone.network.stages_\1.blocks.\2"
    rules = {
        rf"backbone\.embeddings\.patch_embeddings{LAST}": r"backbone.network.stem_0.\1",
        rf"backbone\.embeddings\.layernorm{LAST}": r"backbone.network.stem_1.\1",
        rf"backbone\.encoder\.stages\.(\d)\.downsampling_layer\.([01]){LAST}": (
            r"backbone.network.stages_\1.downsample.\2.\3"
        ),
        rf"{block}\.layer_scale_parameter": rf"{ours}.gamma",
        rf"{block}\.dwconv{LAST}": rf"{ours}.conv_dw.\3",
        rf"{block}\.layernorm{LAST}": rf"{ours}.norm.\3",
        rf"{block}\.pwconv1{LAST}": rf"{ours}.mlp.fc1.\3",
        rf"{block}\.pwconv2{LAST}": rf"{ours}.mlp.fc2.\3",
        **map_norm_rules(),
    }
    backbone = dict(type="Timm", name="convnext_tiny", model_arguments=arguments, map_norm=1e-6)
    note = "transformers' ConvNeXt cuts what is left of sides beyond multiples of 32; segbox pads images to multiples"
    return backbone, rules, note


def swin(config: Settings) -> tuple[dict[str, Any], Rules, str]:
    config.expect(
        num_channels=3, patch_size=4, hidden_act="gelu", use_absolute_embeddings=False, qkv_bias=True,
        layer_norm_eps=1e-5, mlp_ratio=4,
    )  # fmt: skip
    shape = tuple(config.get(name, value) for name, value in SWIN_DEFAULTS.items())
    if shape not in SWIN:
        raise CheckpointError(f"{config.source}: segbox has no Swin of {', '.join(SWIN_DEFAULTS)} {shape}")
    window, drop_path = config.get("window_size", 7), config.get("drop_path_rate", 0.1)
    backbone = dict(type="Swin", variant=SWIN[shape], window=window, drop_path=drop_path, map_norm=1e-5)
    note = (
        "transformers does not shift windows in a stage of one window: for equal logits, images must be larger than"
        f" {32 * window} pixels on both sides"
    )
    return backbone, swin_rules(), note


def swin_rules() -> dict[str, str | None]:
    block = r"backbone\.(?:swin\.)?encoder\.layers\.(\d)\.blocks\.(\d+)"
    ours, embed = r"backbone.stages.\1.\2", r"backbone\.(?:swin\.)?embeddings"
    merge = r"backbone\.(?:swin\.)?encoder\.layers\.(\d)\.downsample"
    table = r"attention\.(?:self|relative_position_bias)\.relative_position_"
    rules: dict[str, str | None] = {
        rf"{embed}\.patch_embeddings\.projection{LAST}": r"backbone.embed.\1",
        rf"{embed}\.norm{LAST}": r"backbone.norm.\1",
        r"backbone\.swin\.layernorm\..+": None,  # of the classifier
        rf"{block}\.layernorm_before{LAST}": rf"{ours}.norm1.\3",
        rf"{block}\.layernorm_after{LAST}": rf"{ours}.norm2.\3",
        rf"{block}\.{table}bias_table": rf"{ours}.attention.bias_table",
        rf"{block}\.{table}index": None,  # follows from the window's size
        rf"{block}\.attention\.(?:output\.dense|o_proj){LAST}": rf"{ours}.attention.out.\3",
        rf"{block}\.(?:intermediate\.dense|mlp\.fc1){LAST}": rf"{ours}.mlp.0.\3",
        rf"{block}\.(?:output\.dense|mlp\.fc2){LAST}": rf"{ours}.mlp.2.\3",
        rf"{merge}\.norm{LAST}": r"backbone.merges.\1.norm.\2",
        rf"{merge}\.reduction\.weight": r"backbone.merges.\1.reduce.weight",
        **map_norm_rules(),
    }
    for i, (old, new) in enumerate((("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"))):
        theirs = rf"{block}\.attention\.(?:self\.{old}|{new}){LAST}"
        rules[theirs] = rf"{ours}.attention.query_key_value#{i}.\3"
    return rules


BACKBONES = {"convnext": convnext, "swin": swin}
