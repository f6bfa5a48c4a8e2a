"""EncoderDecoder, and the one place where model dicts become modules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from segbox.arguments import UNKNOWN, Made
from segbox.errors import ConfigError
from segbox.models.class_weight import Weigh, with_class_weights
from segbox.models.freezing import parameters_of_maps
from segbox.models.head_builder import SEEN, Criterion, HeadConfig, HeadPlan, plan_head
from segbox.models.heads.head import DecodeHead
from segbox.models.layers import ResidualBlock, initialize, resize
from segbox.models.losses.pixels import all_classes
from segbox.models.norms import batch_norms, convert_norm, measure_statistics
from segbox.registry import BACKBONES, NECKS, SEGMENTORS, each
from segbox.renamed import renamed
from segbox.weights.input_channels import fit_stem
from segbox.weights.loading import Fit, load_weights, part_of, read_weights
from segbox.weights.normalization import STATED, Given, choose_numbers, settle

PARTS = ("backbone", "neck", "decode_head", "auxiliary_heads")


class EncoderDecoder(nn.Module):
    """images -> logits at the images' size; images, labels -> losses by name, whose sum is minimised.

    Images are bytes, or floats in the units of `mean` and `std`, B C H W; they are normalised here, so the numbers
    travel with the weights. `number_sources` says whose they are: those that the config states hold against a file's.
    Auxiliary heads tap the backbone's own maps, before the neck.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        decode_head: DecodeHead,
        auxiliary_heads: Sequence[DecodeHead],
        criteria: Sequence[Criterion],
        mean: Sequence[float],
        std: Sequence[float],
        head_plans: Sequence[HeadPlan] = (),
        number_sources: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.number_sources = dict(number_sources or {"mean": STATED, "std": STATED})
        self.head_plans = tuple(head_plans)  # of the decode head, then of each auxiliary head
        self.frozen: frozenset[str] = frozenset()  # the parameters of the backbone that stay as they are
        self.unused = frozenset(getattr(backbone, "unused", ()))  # those of the backbone that no map depends on
        self.resting_norms: tuple[str, ...] = ()  # the parts whose batch norms keep their statistics
        self.fixed_norms: tuple[str, ...] = ()  # the parts whose batch norms keep their scale and shift
        self.backbone = backbone
        self.neck = neck
        self.decode_head = decode_head
        self.auxiliary_heads = nn.ModuleList(auxiliary_heads)
        self.criteria = nn.ModuleList(criteria)  # of the decode head, then of each auxiliary head
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float).view(-1, 1, 1))
        self.hold_frozen()

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        maps, features = self.maps_and_features(images)
        if labels is None:
            return resize(self.decode_head(features), images.shape[-2:])
        losses = named("decode", self.decode_head.loss(features, labels, self.criteria[0]))
        for i, (head, criterion) in enumerate(zip(self.auxiliary_heads, self.criteria[1:])):
            name = "aux" if len(self.auxiliary_heads) == 1 else f"aux{i}"
            losses |= named(name, head.loss(maps, labels, criterion))
        return losses

    def logits(self, images: Tensor) -> Tensor:
        """Of every class, also of a binary model of one channel, at the decode head's own scale."""
        return all_classes(self.decode_head(self.maps_and_features(images)[1]), self.criteria[0].num_classes)

    def maps_and_features(self, images: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the auxiliary heads see, and what the decode head sees."""
        images = (images - self.mean) / self.std
        maps = self.backbone(images)
        features = self.neck(maps)
        return maps, (images, *features) if self.decode_head.sees_images else features

    def train(self, mode: bool = True) -> "EncoderDecoder":
        """As usual, except that what is frozen stays in evaluation."""
        super().train(mode)
        for module in self.frozen_modules():
            module.eval()
        for norm in self.norms_of(self.resting_norms):
            norm.eval()
        return self

    def freeze_backbone(self, stages: int | None = None) -> None:
        """Weights and statistics of the backbone stay as they are, also after `.train()`.

        `stages` of 2: those of its first two maps and what they are made from. Nothing is computed for their gradients.
        """
        if stages is None:
            self.frozen = frozenset(name for name, _ in self.backbone.named_parameters())
        else:
            self.frozen = frozenset(parameters_of_maps(self.backbone, stages, self.mean.numel()))
        self.hold_frozen()
        self.train(self.training)

    def train_backbone(self) -> None:
        """Take `freeze_backbone` back. Batch norms that were frozen for themselves stay so."""
        self.frozen = frozenset()
        self.backbone.requires_grad_(True)
        self.hold_frozen()
        self.fix_norms()

    def freeze_batch_norm(
        self,
        freeze_running_mean_var: bool = True,
        freeze_gamma_beta: bool = True,
        parts: Sequence[str] = PARTS,
    ) -> None:
        """Batch norms of these parts keep their statistics, their scale and shift, or both, also after `.train()`."""
        if freeze_running_mean_var:
            self.resting_norms = tuple(parts)
        if freeze_gamma_beta:
            self.fixed_norms = tuple(parts)
        self.fix_norms()

    def train_batch_norm(self) -> None:
        """Take `freeze_batch_norm` back. A frozen backbone stays frozen."""
        self.resting_norms = self.fixed_norms = ()
        for norm in self.norms_of(PARTS):
            norm.requires_grad_(True)
        self.hold_frozen()
        self.train(self.training)

    def precise_batch_norm(self, loader: Iterable[Any]) -> int:
        """Replace the running statistics by the mean over the batches of `loader`; returns how many there were.

        Frozen statistics are left alone, and so are those of auxiliary heads, which predictions do not pass.
        """
        parts = [part for part in PARTS if part not in (*self.resting_norms, "auxiliary_heads")]
        frozen = set(self.frozen_modules())
        norms = [norm for norm in self.norms_of(parts) if norm.track_running_stats and norm not in frozen]
        if not norms:
            raise ValueError("the model has no batch norm whose statistics may change")
        was_training = self.training
        try:
            return measure_statistics(self, norms, loader)
        finally:
            self.train(was_training)

    def load_parameters(
        self, filename: str | Path, map_location: str | torch.device | None = None, strict: bool = True
    ) -> Fit:
        """Weights of a whole model. What does not fit is refused with a table, or if not `strict` skipped and told."""
        weights = {name: value.to(map_location) for name, value in read_weights(filename).items()}
        return load_weights(self, weights, filename, not strict)

    def load_backbone_parameters(
        self, filename: str | Path, map_location: str | torch.device | None = None, strict: bool = True
    ) -> Fit:
        """Weights of the backbone, from its own file or a whole model's; an RGB stem is fitted to other channels."""
        weights = read_weights(filename)
        own = fit_stem(part_of(weights, "backbone."), self.backbone)
        fit = load_weights(
            self.backbone, {name: value.to(map_location) for name, value in own.items()}, filename, not strict
        )
        numbers = {name: value for name, value in weights.items() if name in self.number_sources}
        self.load_state_dict(settle(self, numbers, filename), strict=False)
        return fit

    def reset_classes(self, num_classes: int) -> None:
        """Heads and losses for another number of classes: what depends on the number begins anew, the rest stays.

        The new parameters are unknown to an optimizer that exists already: make it after this.
        """
        if not self.head_plans:
            raise ValueError("only a model that was built from a config knows how to build its heads again")
        olds = (self.decode_head, *self.auxiliary_heads)
        heads = [plan.rebuild(old, num_classes) for plan, old in zip(self.head_plans, olds, strict=True)]
        criteria = [plan.build_criterion(num_classes) for plan in self.head_plans]
        self.decode_head = heads[0]
        self.auxiliary_heads = nn.ModuleList(heads[1:])
        self.criteria = nn.ModuleList(criteria)
        self.to(self.mean.device)
        self.fix_norms()

    def frozen_modules(self) -> list[nn.Module]:
        """Those of the backbone, large and small, that have parameters and no other than frozen ones."""
        owned = ((module, module.named_parameters(name)) for name, module in self.backbone.named_modules())
        names = ((module, {name for name, _ in parameters}) for module, parameters in owned)
        return [module for module, own in names if own and own <= self.frozen]

    def hold_frozen(self) -> None:
        for name in self.frozen | self.unused:
            self.backbone.get_parameter(name).requires_grad_(False)

    def norms_of(self, parts: Sequence[str]) -> list[nn.Module]:
        return [norm for part in parts for norm in batch_norms(getattr(self, part))]

    def fix_norms(self) -> None:
        for norm in self.norms_of(self.fixed_norms):
            norm.requires_grad_(False)
        self.train(self.training)


def named(prefix: str, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in losses.items()}


BackboneConfig = Annotated[Mapping, Made(BACKBONES)]
NeckConfig = Annotated[Mapping, Made(NECKS, SEEN)]


@renamed(zero_gamma="zero_init_residual")
@SEGMENTORS.register(name="EncoderDecoder")
def build_encoder_decoder(
    backbone: BackboneConfig,
    decode_head: HeadConfig,
    num_classes: int,
    neck: NeckConfig | None = None,
    auxiliary_head: HeadConfig | Sequence[HeadConfig] | None = None,
    mean: Given = None,
    std: Given = None,
    weights: str | None = None,
    backbone_weights: str | None = None,
    norm: str | None = None,
    init: str | None = None,
    zero_init_residual: bool = False,
    freeze_backbone: bool = False,
    freeze_stages: int = 0,
) -> EncoderDecoder:
    """Build the parts of a config and connect them: heads get the channels and strides of the maps that they read.

    `weights` (a checkpoint of a whole model) and `backbone_weights` are files to load. `norm` converts all batch norms
    to "SyncBN" or "GN"; "frozen" freezes those of the backbone. `init` ("msra" or "xavier") initializes all
    convolutions the same way, instead of each part in its own; with `zero_init_residual`, residual blocks start as the
    identity. `freeze_stages=2` freezes all that the backbone's first two maps depend on, `freeze_backbone` all of it.
    `mean` and `std` default to those of the weights, see `weights/normalization.py`.
    """
    converted = None if norm == "frozen" else norm
    encoder, connection = build_encoder(backbone, neck, converted, init, zero_init_residual)
    channels = backbone.get("in_channels", 3)
    decode = (decode_head, "model.decode_head", maps_of(encoder if neck is None else connection))
    configs = [decode, *((*auxiliary, maps_of(encoder)) for auxiliary in auxiliary_configs(auxiliary_head))]
    begun = (converted, init, zero_init_residual)
    plans = each(partial(plan_head, own, path, num_classes, channels, seen, *begun) for own, path, seen in configs)
    heads = each(partial(plan.build, num_classes) for plan in plans)
    criteria = each(partial(plan.build_criterion, num_classes) for plan in plans)
    numbers = choose_numbers(mean, std, channels, getattr(encoder, "card", None))
    sources = {name: chosen.source for name, chosen in numbers.items()}
    mean, std = numbers["mean"].values, numbers["std"].values
    model = EncoderDecoder(encoder, connection, heads[0], heads[1:], criteria, mean, std, plans, sources)
    if backbone_weights is not None:
        model.load_backbone_parameters(backbone_weights, strict=False)
    if weights is not None:
        model.load_parameters(weights, strict=False)
    if freeze_backbone:
        model.freeze_backbone()
    elif freeze_stages:
        model.freeze_backbone(freeze_stages)
    if norm == "frozen":
        model.freeze_batch_norm(parts=("backbone",))
    return model


def build_encoder(
    backbone: Mapping, neck: Mapping | None, norm: str | None, init: str | None, zero_init_residual: bool
) -> tuple[nn.Module, nn.Module]:
    """The backbone and the neck; without a neck, the maps pass as they are."""
    encoder = BACKBONES.build(backbone, "model.backbone")
    begin(encoder, backbone, init, zero_init_residual)
    connection: nn.Module = nn.Identity()
    if neck is not None:
        connection = NECKS.build(neck, "model.neck", **maps_of(encoder))
        if init is not None:
            initialize(connection, init)
    if norm is not None:
        encoder, connection = convert_norm(encoder, norm), convert_norm(connection, norm)
    return encoder, connection


def maps_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """What a backbone or a neck offers to the part that reads its maps."""
    return {"in_channels": module.channels, "in_strides": module.strides}


def begin(encoder: nn.Module, config: Mapping, init: str | None, zero_init_residual: bool) -> None:
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
    """Each auxiliary head's dict and where it stands in the config."""
    if auxiliary_head is None:
        return []
    if isinstance(auxiliary_head, Mapping):
        return [(auxiliary_head, "model.auxiliary_head")]
    return [(config, f"model.auxiliary_head.{i}") for i, config in enumerate(auxiliary_head)]


@dataclass
class SegmentorSettings:
    """What a model's dict may say beside the arguments of the model."""

    num_classes: int | None = None  # of a model without a data set


SegmentorConfig = Annotated[Mapping, Made(SEGMENTORS, {"num_classes": UNKNOWN}, SegmentorSettings)]


def build_segmentor(config: Mapping, num_classes: int | None, weigh: Weigh = lambda rule: None) -> nn.Module:
    """The model of a config. `num_classes` comes from the data set; a model that says its own must agree.

    `weigh` knows the class weights of a rule, `class_weight="enet"`; where nothing is trained, nobody needs them.
    """
    config = with_class_weights(config, weigh)
    own = config.pop("num_classes", None)
    if own is None and num_classes is None:
        raise ConfigError("model.num_classes: neither the model nor a data set says how many classes there are")
    if own is not None and num_classes is not None and own != num_classes:
        raise ConfigError(f"model.num_classes: {own}, but the data set has {num_classes} classes; leave it out")
    return SEGMENTORS.build(config, "model", num_classes=num_classes if own is None else own)


def without_weights(config: Mapping) -> dict[str, Any]:
    """The config of a model whose weights come from a checkpoint: no other file is read, nothing is downloaded."""
    kept = {key: value for key, value in config.items() if key not in ("weights", "backbone_weights")}
    backbone = kept.get("backbone")
    if isinstance(backbone, Mapping) and "pretrained" in backbone:
        kept["backbone"] = {**backbone, "pretrained": False}
    return kept
