"""The heads of a config with their losses, ready to be built for any number of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segbox.errors import ConfigError
from segbox.models.heads.head import DecodeHead
from segbox.models.layers import initialize
from segbox.models.norms import convert_norm
from segbox.registry import HEADS, LOSSES


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


@dataclass(frozen=True)
class HeadPlan:
    """One head: its dict, where that stands in the config, the maps that it sees, and how its layers begin."""

    config: Mapping
    path: str
    losses: Mapping | Sequence[Mapping]
    seen: Mapping
    norm: str | None
    init: str | None
    zero_gamma: bool

    def build(self, num_classes: int) -> DecodeHead:
        head = HEADS.build(self.config, self.path, num_classes=num_classes, **self.seen)
        if self.init is not None:
            initialize(head, self.init, self.zero_gamma)
        return head if self.norm is None else convert_norm(head, self.norm)

    def build_criterion(self, num_classes: int) -> Criterion:
        return build_criterion(self.losses, f"{self.path}.loss", num_classes)

    def rebuild(self, old: DecodeHead, num_classes: int) -> DecodeHead:
        """The head for another number of classes. What depends on the number begins anew, the rest is carried over."""
        head = self.build(num_classes)
        with torch.device("meta"):
            shapes, others = (shapes_of(self.build(n)) for n in (num_classes, num_classes + 1))
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
    zero_gamma: bool = False,
) -> HeadPlan:
    """The head's dict says the loss, or a list of them, each with a `loss_weight`."""
    config = dict(config)
    if config.pop("num_classes", num_classes) != num_classes:
        raise ConfigError(f"{path}.num_classes: the data set has {num_classes} classes; leave this out")
    losses = config.pop("loss", {"type": "CrossEntropyLoss"})
    if HEADS.get(config.get("type"), path).sees_images:
        seen = {"in_channels": (image_channels, *seen["in_channels"]), "in_strides": (1, *seen["in_strides"])}
    return HeadPlan(config, path, losses, seen, norm, init, zero_gamma)


def build_criterion(losses: Mapping | Sequence[Mapping], path: str, num_classes: int) -> Criterion:
    many = [losses] if isinstance(losses, Mapping) else losses
    paths = [path] if isinstance(losses, Mapping) else [f"{path}.{i}" for i in range(len(many))]
    weights = [loss.get("loss_weight", 1.0) for loss in many]
    bare = [{key: value for key, value in loss.items() if key != "loss_weight"} for loss in many]
    built = [LOSSES.build(loss, place, num_classes=num_classes) for loss, place in zip(bare, paths)]
    return Criterion(built, weights)


def shapes_of(module: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in module.state_dict().items()}
