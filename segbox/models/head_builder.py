"""Heads from the config, built for any number of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated

import torch
from torch import nn

from segbox.arguments import UNKNOWN, Made
from segbox.errors import ConfigError
from segbox.models.criterion import Criterion, LossConfig, build_criterion
from segbox.models.heads.head import DecodeHead
from segbox.models.heads.mask_head import MaskHead
from segbox.models.layers import initialize
from segbox.models.norms import convert_norm
from segbox.registry import HEADS


@dataclass
class HeadSettings:
    """What a head's dict may hold beside the arguments of the head."""

    loss: LossConfig | Sequence[LossConfig] | None = None  # None: cross entropy, or the loss of masks
    out_channels: int | None = None
    num_classes: int | None = None


MAPS = {"in_channels": UNKNOWN, "in_strides": UNKNOWN}  # arguments that the program gives
HeadConfig = Annotated[Mapping, Made(HEADS, {**MAPS, "num_classes": UNKNOWN}, HeadSettings)]


@dataclass(frozen=True)
class HeadBuilder:
    """Builds one head of the config and its losses, again for each new number of classes.

    `path` is where the head's dict stands in the config, `maps` the channels and strides of the maps that it reads. An
    `is_binary` head has one output channel: the log-odds of the second of two classes. A head that `makes_masks` is a
    MaskHead.
    """

    config: Mapping
    path: str
    is_binary: bool
    makes_masks: bool
    losses: Mapping | Sequence[Mapping]
    maps: Mapping
    norm: str | None
    init: str | None
    zero_init_residual: bool

    def build(self, num_classes: int) -> DecodeHead:
        return self.build_head(self.channels(num_classes))

    def channels(self, num_classes: int) -> int:
        """The number of output channels of the head."""
        if self.is_binary and num_classes != 2:
            raise ConfigError(
                f"{self.path}.out_channels: 1 is for data sets of two classes, and there are {num_classes};"
                " leave it out"
            )
        return 1 if self.is_binary else num_classes

    def build_head(self, channels: int) -> DecodeHead:
        head = HEADS.build(self.config, self.path, num_classes=channels, **self.maps)
        if self.init is not None:
            initialize(head, self.init, self.zero_init_residual)
        return head if self.norm is None else convert_norm(head, self.norm)

    def shapes(self, channels: int) -> dict[str, torch.Size]:
        """The shapes of the head's tensors with this number of output channels."""
        with torch.device("meta"):
            return {name: value.shape for name, value in self.build_head(channels).state_dict().items()}

    def build_criterion(self, num_classes: int) -> Criterion:
        criterion = build_criterion(self.losses, f"{self.path}.loss", num_classes)
        for loss in criterion.losses:
            refuse_other_loss(loss, self.makes_masks, self.config["type"], f"{self.path}.loss")
        return criterion

    def rebuild(self, old: DecodeHead, num_classes: int) -> DecodeHead:
        """The head for another number of classes; tensors whose shape does not depend on the number are kept."""
        head = self.build(num_classes)
        channels = self.channels(num_classes)
        shapes, others = self.shapes(channels), self.shapes(channels + 1)
        kept = {n: value for n, value in old.state_dict().items() if n in shapes and shapes[n] == others.get(n)}
        head.load_state_dict(kept, strict=False)
        return head


def prepare_head(
    config: Mapping,
    path: str,
    num_classes: int,
    image_channels: int,
    maps: Mapping,
    norm: str | None = None,
    init: str | None = None,
    zero_init_residual: bool = False,
) -> HeadBuilder:
    """The builder of a head's dict, which may also hold the settings of `HeadSettings`."""
    config = dict(config)
    own = HeadSettings(**{field.name: config.pop(field.name, None) for field in fields(HeadSettings)})
    if own.num_classes not in (None, num_classes):
        raise ConfigError(f"{path}.num_classes: the data set has {num_classes} classes; leave this out")
    if own.out_channels not in (None, 1, num_classes):
        raise ConfigError(f"{path}.out_channels: {own.out_channels!r}; it is one for each class, or 1 if there are two")
    kind = HEADS.get(config.get("type"), path)
    makes_masks = issubclass(kind, MaskHead)
    if makes_masks and own.out_channels is not None:
        raise ConfigError(f"{path}.out_channels: {config['type']} predicts masks and their classes; leave this out")
    if kind.sees_images:
        maps = {"in_channels": (image_channels, *maps["in_channels"]), "in_strides": (1, *maps["in_strides"])}
    is_binary = own.out_channels == 1 and num_classes != 1
    default = {"type": "MaskLoss" if makes_masks else "CrossEntropyLoss"}
    losses = default if own.loss is None else own.loss
    return HeadBuilder(config, path, is_binary, makes_masks, losses, maps, norm, init, zero_init_residual)


def refuse_other_loss(loss: nn.Module, makes_masks: bool, head: str, path: str) -> None:
    """A loss of masks takes what heads of masks predict, and every other loss takes logits of pixels."""
    if getattr(loss, "takes_masks", False) == makes_masks:
        return
    name = type(loss).__name__
    if makes_masks:
        raise ConfigError(
            f"{path}: {name} takes logits of pixels, and {head} predicts masks: take MaskLoss, the default"
        )
    raise ConfigError(
        f"{path}: {name} is for heads that predict masks, and {head} gives logits of pixels: take CrossEntropyLoss, the"
        " default, or another loss of pixels"
    )
