"""A model of another library in our own terms: plain dicts and tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Imported:
    """`model` and `test` are sections of a config; `weights` has our names. Nothing is built yet."""

    model: dict[str, Any]  # with num_classes, mean and std
    weights: Mapping[str, Tensor]
    origin: str  # for messages and the model card: "mmsegmentation's pspnet_r50-d8_..."
    test: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    palette: tuple[tuple[int, int, int], ...] | None = None
    licence: str | None = None
    notes: tuple[str, ...] = ()  # what differs from the original, a sentence each
