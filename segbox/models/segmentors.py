"""EncoderDecoder, and the one place where model dicts become modules."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError
from segbox.models.heads.head import DecodeHead
from segbox.models.layers import resize
from segbox.models.weights import load_weights, read_weights
from segbox.registry import BACKBONES, HEADS, LOSSES, NECKS, SEGMENTORS

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # of RGB bytes
IMAGENET_STD = (58.395, 57.12, 57.375)


class EncoderDecoder(nn.Module):
    """images -> logits at the images' size; images, labels -> losses by name, whose sum is minimised.

    Images are bytes or floats 0..255, B C H W; they are normalised here, so the numbers travel with the weights.
    Auxiliary heads tap the backbone's own maps, before the neck.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        decode_head: DecodeHead,
        auxiliary_heads: Sequence[DecodeHead],
        criteria: Sequence["Criterion"],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.decode_head = decode_head
        self.auxiliary_heads = nn.ModuleList(auxiliary_heads)
        self.criteria = nn.ModuleList(criteria)  # of the decode head, then of each auxiliary head
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float).view(-1, 1, 1))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        images = (images - self.mean) / self.std
        maps = self.backbone(images)
        features = self.neck(maps)
        if self.decode_head.sees_images:
            features = (images, *features)
        if labels is None:
            return resize(self.decode_head(features), images.shape[-2:])
        losses = named("decode", self.decode_head.loss(features, labels, self.criteria[0]))
        for i, (head, criterion) in enumerate(zip(self.auxiliary_heads, self.criteria[1:])):
            name = "aux" if len(self.auxiliary_heads) == 1 else f"aux{i}"
            losses |= named(name, head.loss(maps, labels, criterion))
        return losses


class Criterion(nn.Module):
    """The losses of one head, each times its weight."""

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(weights)

    def forward(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        values = {}
        for i, (loss, weight) in enumerate(zip(self.losses, self.weights)):
            name = loss.name if loss.name not in values else f"{loss.name}{i}"
            values[name] = weight * loss(logits, labels)
        return values


def named(prefix: str, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in losses.items()}


@SEGMENTORS.register(name="EncoderDecoder")
def build_encoder_decoder(
    backbone: Mapping,
    decode_head: Mapping,
    num_classes: int,
    neck: Mapping | None = None,
    auxiliary_head: Mapping | Sequence[Mapping] | None = None,
    mean: Sequence[float] | float = IMAGENET_MEAN,
    std: Sequence[float] | float = IMAGENET_STD,
    weights: str | None = None,
    backbone_weights: str | None = None,
) -> EncoderDecoder:
    """Wire the parts of a config: heads are told the channels and strides of the maps that they will see.

    `weights` (a checkpoint of a whole model) and `backbone_weights` are files to begin with.
    """
    encoder = BACKBONES.build(backbone, "model.backbone")
    channels = backbone.get("in_channels", 3)
    seen = {"in_channels": encoder.channels, "in_strides": encoder.strides}
    connection: nn.Module = nn.Identity()
    tapped = seen
    if neck is not None:
        connection = NECKS.build(neck, "model.neck", **seen)
        seen = {"in_channels": connection.channels, "in_strides": connection.strides}
    head, criterion = build_head(decode_head, "model.decode_head", num_classes, channels, seen)
    auxiliary = [] if auxiliary_head is None else auxiliary_head
    if isinstance(auxiliary, Mapping):
        pairs = [build_head(auxiliary, "model.auxiliary_head", num_classes, channels, tapped)]
    else:
        pairs = [
            build_head(h, f"model.auxiliary_head.{i}", num_classes, channels, tapped) for i, h in enumerate(auxiliary)
        ]
    model = EncoderDecoder(
        encoder,
        connection,
        head,
        [auxiliary for auxiliary, _ in pairs],
        [criterion, *(criterion for _, criterion in pairs)],
        per_channel(mean, channels, "mean"),
        per_channel(std, channels, "std"),
    )
    if backbone_weights is not None:
        load_weights(model.backbone, read_weights(backbone_weights, prefix="backbone."), backbone_weights, True)
    if weights is not None:
        load_weights(model, read_weights(weights), weights, True)
    return model


def build_head(
    config: Mapping, path: str, num_classes: int, image_channels: int, seen: Mapping
) -> tuple[DecodeHead, Criterion]:
    """A head and its criterion: the head's dict says the loss, or a list of them, each with a `loss_weight`."""
    config = dict(config)
    if config.pop("num_classes", num_classes) != num_classes:
        raise ConfigError(f"{path}.num_classes: the data set has {num_classes} classes; leave this out")
    losses = config.pop("loss", {"type": "CrossEntropyLoss"})
    if HEADS.get(config.get("type"), path).sees_images:
        seen = {"in_channels": (image_channels, *seen["in_channels"]), "in_strides": (1, *seen["in_strides"])}
    head = HEADS.build(config, path, num_classes=num_classes, **seen)
    return head, build_criterion(losses, f"{path}.loss", num_classes)


def build_criterion(losses: Mapping | Sequence[Mapping], path: str, num_classes: int) -> Criterion:
    many = [losses] if isinstance(losses, Mapping) else losses
    paths = [path] if isinstance(losses, Mapping) else [f"{path}.{i}" for i in range(len(many))]
    weights = [loss.get("loss_weight", 1.0) for loss in many]
    bare = [{key: value for key, value in loss.items() if key != "loss_weight"} for loss in many]
    built = [LOSSES.build(loss, place, num_classes=num_classes) for loss, place in zip(bare, paths)]
    return Criterion(built, weights)


def per_channel(numbers: Sequence[float] | float, channels: int, name: str) -> tuple[float, ...]:
    """One number for each channel; a single one serves all."""
    if isinstance(numbers, int | float):
        return (float(numbers),) * channels
    if len(numbers) != channels:
        raise ConfigError(
            f"model.{name}: {len(numbers)} numbers ({', '.join(map(str, numbers))}) for images of {channels} channels;"
            f" say model.{name}=[...] with {channels} numbers, or one number for all of them"
        )
    return tuple(map(float, numbers))


def build_segmentor(config: Mapping, num_classes: int | None) -> nn.Module:
    """The model of a config. `num_classes` comes from the data set; a model that says its own must agree."""
    config = dict(config)
    own = config.pop("num_classes", None)
    if own is None and num_classes is None:
        raise ConfigError("model.num_classes: neither the model nor a data set says how many classes there are")
    if own is not None and num_classes is not None and own != num_classes:
        raise ConfigError(f"model.num_classes: {own}, but the data set has {num_classes} classes; leave it out")
    return SEGMENTORS.build(config, "model", num_classes=num_classes if own is None else own)
