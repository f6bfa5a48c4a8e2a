"""The heads of a config with their losses, ready to be built for any number of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated

import torch
from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.arguments import UNKNOWN, Made
from segbox.errors import ConfigError
from segbox.models.heads.head import DecodeHead
from segbox.models.layers import initialize
from segbox.models.losses.pixels import check_labels
from segbox.models.norms import convert_norm
from segbox.registry import HEADS, LOSSES, call, each


@dataclass
class LossSettings:
    """What a loss's dict may say beside the arguments of the loss."""

    loss_weight: float = 1.0


LossConfig = Annotated[Mapping, Made(LOSSES, {"num_classes": UNKNOWN}, LossSettings, call)]


@dataclass
class HeadSettings:
    """What a head's dict may say beside the arguments of the head."""

    loss: LossConfig | Sequence[LossConfig] | None = None  # None: cross entropy
    out_channels: int | None = None
    num_classes: int | None = None


SEEN = {"in_channels": UNKNOWN, "in_strides": UNKNOWN}
HeadConfig = Annotated[Mapping, Made(HEADS, {**SEEN, "num_classes": UNKNOWN}, HeadSettings)]


class Criterion(nn.Module):
    """The losses of one head, each times its weight."""

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float], num_classes: int) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(weights)
        self.num_classes = num_classes

    @torch.compiler.disable  # losses make their gradients as they go, and read numbers out of tensors
    def forward(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if labels.dim() == 3:  # else they are probabilities
            check_labels(labels, self.num_classes, IGNORE_INDEX)
        values = {}
        for i, (loss, weight) in enumerate(zip(self.losses, self.weights)):
            name = loss.name if loss.name not in values else f"{loss.name}{i}"
            values[name] = weight * loss(logits, labels)
        return values


@dataclass(frozen=True)
class HeadPlan:
    """One head: its dict, where that stands in the config, the maps that it sees, and how its layers begin.

    `is_binary` heads have one output channel: the log-odds of the second of two classes.
    """

    config: Mapping
    path: str
    is_binary: bool
    losses: Mapping | Sequence[Mapping]
    seen: Mapping
    norm: str | None
    init: str | None
    zero_init_residual: bool

    def build(self, num_classes: int) -> DecodeHead:
        return self.build_head(self.channels(num_classes))

    def channels(self, num_classes: int) -> int:
        """How many the head's output has."""
        if self.is_binary and num_classes != 2:
            raise ConfigError(
                f"{self.path}.out_channels: 1 is for data sets of two classes, and there are {num_classes};"
                " leave it out"
            )
        return 1 if self.is_binary else num_classes

    def build_head(self, channels: int) -> DecodeHead:
        head = HEADS.build(self.config, self.path, num_classes=channels, **self.seen)
        if self.init is not None:
            initialize(head, self.init, self.zero_init_residual)
        return head if self.norm is None else convert_norm(head, self.norm)

    def build_criterion(self, num_classes: int) -> Criterion:
        return build_criterion(self.losses, f"{self.path}.loss", num_classes)

    def rebuild(self, old: DecodeHead, num_classes: int) -> DecodeHead:
        """The head for another number of classes. What depends on the number begins anew, the rest is carried over."""
        head = self.build(num_classes)
        channels = self.channels(num_classes)
        with torch.device("meta"):
            shapes, others = (shapes_of(self.build_head(n)) for n in (channels, channels + 1))
        kept = {n: value for n, value in old.state_dict().items() if n in shapes and shapes[n] == others.get(n)}
        head.load_state_dict(kept, strict=False)
        return head


def plan_head(
    config: Mapping,
    path: str,
    num_classes: int,
    image_channels: int,
    seen: Mapping,
    norm: str | None = None,
    init: str | None = None,
    zero_init_residual: bool = False,
) -> HeadPlan:
    """The head's dict says the loss, or a list of them, each with a `loss_weight`; `out_channels=1` if it is binary."""
    config = dict(config)
    own = HeadSettings(**{field.name: config.pop(field.name, None) for field in fields(HeadSettings)})
    if own.num_classes not in (None, num_classes):
        raise ConfigError(f"{path}.num_classes: the data set has {num_classes} classes; leave this out")
    if own.out_channels not in (None, 1, num_classes):
        raise ConfigError(f"{path}.out_channels: {own.out_channels!r}; it is one for each class, or 1 if there are two")
    if HEADS.get(config.get("type"), path).sees_images:
        seen = {"in_channels": (image_channels, *seen["in_channels"]), "in_strides": (1, *seen["in_strides"])}
    is_binary = own.out_channels == 1 and num_classes != 1
    losses = {"type": "CrossEntropyLoss"} if own.loss is None else own.loss
    return HeadPlan(config, path, is_binary, losses, seen, norm, init, zero_init_residual)


def build_criterion(losses: Mapping | Sequence[Mapping], path: str, num_classes: int) -> Criterion:
    many = [losses] if isinstance(losses, Mapping) else losses
    if not many:
        raise ConfigError(f"{path}: expected a loss, or a list of one or more")
    paths = [path] if isinstance(losses, Mapping) else [f"{path}.{i}" for i in range(len(many))]
    weights = [loss.get("loss_weight", 1.0) for loss in many]
    bare = [{key: value for key, value in loss.items() if key != "loss_weight"} for loss in many]
    built = each(partial(LOSSES.build, loss, place, num_classes=num_classes) for loss, place in zip(bare, paths))
    return Criterion(built, weights, num_classes)


def shapes_of(module: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in module.state_dict().items()}
