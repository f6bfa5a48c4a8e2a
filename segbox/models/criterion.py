"""The losses of a head, built from the config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from torch import Tensor, nn

from segbox import IGNORE_INDEX
from segbox.arguments import UNKNOWN, Made
from segbox.errors import ConfigError
from segbox.models.layers.masks import Masks
from segbox.models.layers.uncompiled import uncompiled
from segbox.models.losses.pixels import check_labels
from segbox.registry import LOSSES, call, each


@dataclass
class LossSettings:
    """What a loss's dict may hold beside the arguments of the loss."""

    loss_weight: float = 1.0


LossConfig = Annotated[Mapping, Made(LOSSES, {"num_classes": UNKNOWN}, LossSettings, call)]


class Criterion(nn.Module):
    """The losses of one head, each multiplied by its weight. A loss gives a number, or several by their names.

    `labels_are_checked` is set by a training loop that checks the labels before they are on the device: here, a GPU
    would have to be waited for.
    """

    labels_are_checked = False

    def __init__(self, losses: Sequence[nn.Module], weights: Sequence[float], num_classes: int) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(weights)
        self.num_classes = num_classes

    @uncompiled  # losses compute gradients in forward, and read numbers out of tensors
    def forward(self, logits: Tensor | Sequence[Masks], labels: Tensor) -> dict[str, Tensor]:
        if labels.dim() == 3 and not self.labels_are_checked:  # otherwise they are probabilities
            check_labels(labels, self.num_classes, IGNORE_INDEX)
        values = {}
        for i, (loss, weight) in enumerate(zip(self.losses, self.weights)):
            own = loss(logits, labels)
            for name, value in own.items() if isinstance(own, Mapping) else [(loss.name, own)]:
                values[name if name not in values else f"{name}{i}"] = weight * value
        return values


def build_criterion(losses: Mapping | Sequence[Mapping], path: str, num_classes: int) -> Criterion:
    many = [losses] if isinstance(losses, Mapping) else losses
    if not many:
        raise ConfigError(f"{path}: expected a loss, or a list of one or more")
    paths = [path] if isinstance(losses, Mapping) else [f"{path}.{i}" for i in range(len(many))]
    weights = [loss.get("loss_weight", 1.0) for loss in many]
    bare = [{key: value for key, value in loss.items() if key != "loss_weight"} for loss in many]
    built = each(partial(LOSSES.build, loss, place, num_classes=num_classes) for loss, place in zip(bare, paths))
    return Criterion(built, weights, num_classes)
