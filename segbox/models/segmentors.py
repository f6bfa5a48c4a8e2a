"""The one place where a model's config becomes modules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from torch import nn

from segbox.arguments import UNKNOWN, Made
from segbox.class_weights import Weigh, with_class_weights
from segbox.errors import ConfigError
from segbox.models.encoder_decoder import EncoderDecoder
from segbox.models.head_builder import MAPS, HeadConfig, prepare_head
from segbox.models.layers import ResidualBlock, initialize, set_align_corners
from segbox.models.norms import convert_norm
from segbox.registry import BACKBONES, HEADS, NECKS, SEGMENTORS, each
from segbox.renamed import renamed
from segbox.weights.backbone import is_of_a_source
from segbox.weights.mean_std import PerChannel, choose_mean_std

WEIGHTS = ("weights", "weights_may_miss", "backbone_weights")  # of a model's config
BackboneConfig = Annotated[Mapping, Made(BACKBONES, {"gives_tokens": UNKNOWN})]
NeckConfig = Annotated[Mapping, Made(NECKS, MAPS)]


@renamed(zero_gamma="zero_init_residual")
@SEGMENTORS.register(name="EncoderDecoder")
def build_encoder_decoder(
    backbone: BackboneConfig,
    decode_head: HeadConfig,
    num_classes: int,
    neck: NeckConfig | None = None,
    auxiliary_head: HeadConfig | Sequence[HeadConfig] | None = None,
    mean: PerChannel = None,
    std: PerChannel = None,
    weights: str | None = None,
    backbone_weights: str | None = None,
    norm: str | None = None,
    init: str | None = None,
    zero_init_residual: bool = False,
    freeze_backbone: bool = False,
    freeze_stages: int = 0,
    weights_may_miss: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    align_corners: bool = False,
    auxiliary_maps: Literal["backbone", "neck"] = "backbone",
) -> EncoderDecoder:
    """Build the parts of a config and connect them: heads get the channels and strides of the maps that they read.

    `weights` (a trained model) and `backbone_weights` are files to load. What does not fit is skipped and logged;
    `weights_may_miss=["auxiliary_heads"]` names the only parts of `weights` that may be skipped, and `[]` none. With
    the names of the `classes`, rows of classifiers move to the classes of the same name. `norm` converts all batch
    norms to "SyncBN" or "GN"; "frozen" freezes those of the backbone. `init` ("msra" or "xavier") initializes all
    convolutions the same way, instead of each part in its own; with `zero_init_residual`, residual blocks start as the
    identity. `freeze_stages=2` freezes all that the backbone's first two maps depend on, `freeze_backbone` all of it.
    `mean` and `std` default to those of the weights, see `weights/mean_std.py`. `align_corners` is how all parts
    resize, losses and evaluation too: True is for weights that were trained so. `auxiliary_maps` says whose maps the
    auxiliary heads read.
    """
    if weights_may_miss is not None and weights is None:
        raise ConfigError("model.weights_may_miss: says what `model.weights` may miss, and the config has no weights")
    converted = None if norm == "frozen" else norm
    reads_tokens = HEADS.builder_of(decode_head, "model.decode_head").reads_tokens
    if reads_tokens:
        refuse_maps(decode_head["type"], neck=neck, auxiliary_head=auxiliary_head, freeze_stages=freeze_stages)
    encoder, connection = build_encoder(backbone, neck, converted, init, zero_init_residual, reads_tokens)
    channels = backbone.get("in_channels", 3)
    maps, features = maps_of(encoder), maps_of(encoder if neck is None else connection)
    auxiliary = features if auxiliary_maps == "neck" else maps
    configs = [(decode_head, "model.decode_head", features)]
    configs += [(*one, auxiliary) for one in auxiliary_configs(auxiliary_head)]
    start = (converted, init, zero_init_residual)
    builders = each(
        partial(prepare_head, own, path, num_classes, channels, maps, *start) for own, path, maps in configs
    )
    heads = each(partial(builder.build, num_classes) for builder in builders)
    criteria = each(partial(builder.build_criterion, num_classes) for builder in builders)
    chosen = choose_mean_std(mean, std, channels, getattr(encoder, "card", None))
    sources = {name: values.source for name, values in chosen.items()}
    mean, std = chosen["mean"].values, chosen["std"].values
    parts = (encoder, connection, heads[0], heads[1:], criteria)
    model = EncoderDecoder(*parts, mean, std, builders, sources, auxiliary_maps)
    set_align_corners(model, align_corners)
    if backbone_weights is not None:
        model.load_backbone_parameters(backbone_weights)
    if weights is not None:
        model.load_parameters(weights, strict=False, classes=classes, may_miss=weights_may_miss)
    if freeze_backbone:
        model.freeze_backbone()
    elif freeze_stages:
        model.freeze_backbone(freeze_stages)
    if norm == "frozen":
        model.freeze_batch_norm(parts=("backbone",))
    return model


def build_encoder(
    backbone: Mapping,
    neck: Mapping | None,
    norm: str | None,
    init: str | None,
    zero_init_residual: bool,
    gives_tokens: bool,
) -> tuple[nn.Module, nn.Module]:
    """The backbone and the neck (`nn.Identity` where the config has none)."""
    encoder = BACKBONES.build(backbone, "model.backbone", gives_tokens=gives_tokens)
    if gives_tokens and not getattr(encoder, "gives_tokens", False):
        raise ConfigError(
            f"model.backbone: the head runs the blocks of a plain vision transformer itself, and {backbone['type']} has"
            ' none; use type="Timm" with such a network, for example name="vit_base_patch16_dinov3"'
        )
    initialize_encoder(encoder, backbone, init, zero_init_residual)
    connection: nn.Module = nn.Identity()
    if neck is not None:
        connection = NECKS.build(neck, "model.neck", **maps_of(encoder))
        if init is not None:
            initialize(connection, init)
    if norm is not None:
        encoder, connection = convert_norm(encoder, norm), convert_norm(connection, norm)
    return encoder, connection


def refuse_maps(head: str, **others: Any) -> None:
    """Refuse the parts of a config that need the maps of a backbone, beside a head that reads its tokens."""
    for name, value in others.items():
        if value:
            raise ConfigError(f"model.{name}: {head} reads tokens, and the backbone then has no maps; leave it out")


def maps_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """The channels and strides of the maps of a backbone or a neck, as arguments of the part that reads them."""
    return {"in_channels": module.channels, "in_strides": module.strides}


def initialize_encoder(encoder: nn.Module, config: Mapping, init: str | None, zero_init_residual: bool) -> None:
    if init is None and not zero_init_residual:
        return
    if config.get("pretrained"):
        raise ConfigError(
            "model.init, model.zero_init_residual: would undo model.backbone.pretrained; leave one of them out"
        )
    if zero_init_residual and not any(isinstance(layer, ResidualBlock) for layer in encoder.modules()):
        raise ConfigError(f"model.zero_init_residual: {config['type']} has no residual blocks that end in a norm")
    initialize(encoder, init or "msra", zero_init_residual)


def auxiliary_configs(auxiliary_head: Mapping | Sequence[Mapping] | None) -> list[tuple[Mapping, str]]:
    """Each auxiliary head's dict, with its path in the config."""
    if auxiliary_head is None:
        return []
    if isinstance(auxiliary_head, Mapping):
        return [(auxiliary_head, "model.auxiliary_head")]
    return [(config, f"model.auxiliary_head.{i}") for i, config in enumerate(auxiliary_head)]


@dataclass
class SegmentorSettings:
    """What a model's dict may hold beside the arguments of the model."""

    num_classes: int | None = None  # of a model without a data set


SegmentorConfig = Annotated[Mapping, Made(SEGMENTORS, {"num_classes": UNKNOWN, "classes": UNKNOWN}, SegmentorSettings)]


def build_segmentor(
    config: Mapping,
    num_classes: int | None,
    weigh: Weigh = lambda rule: None,
    classes: Sequence[str] | None = None,
) -> nn.Module:
    """The model of a config. `num_classes` comes from the data set; a `num_classes` in the config must be equal to it.

    `classes` are the names, if they are known.

    `weigh` gives the class weights of a rule (`class_weight="enet"`); the default, no weights, is for models that are
    not trained.
    """
    config = with_class_weights(config, weigh)
    own = config.pop("num_classes", None)
    if own is None and num_classes is None:
        raise ConfigError("model.num_classes: neither the model nor a data set says how many classes there are")
    if own is not None and num_classes is not None and own != num_classes:
        raise ConfigError(f"model.num_classes: {own}, but the data set has {num_classes} classes; leave it out")
    return SEGMENTORS.build(config, "model", num_classes=num_classes if own is None else own, classes=classes)


def without_weights(config: Mapping) -> dict[str, Any]:
    """A model's config without weights to load: no file is read, nothing is downloaded."""
    kept = {key: value for key, value in config.items() if key not in WEIGHTS}
    backbone = kept.get("backbone")
    if isinstance(backbone, Mapping) and "pretrained" in backbone:
        kept["backbone"] = {**backbone, "pretrained": False}
    return kept


def without_downloads(config: Mapping) -> dict[str, Any]:
    """A model's config without weights that a source would have to give; files on this machine are left."""
    local = {
        key: config[key]
        for key in ("weights", "backbone_weights")
        if config.get(key) is not None and not is_of_a_source(str(config[key]))
    }
    return {**without_weights(config), **local}
