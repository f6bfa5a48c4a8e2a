"""A model of another library in our own terms: plain dicts and tensors."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

logger = logging.getLogger("segbox")


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
    dataset: str | None = None  # the shipped config of the data set that it was trained on: "ade20k"
    pipeline: tuple[dict[str, Any], ...] = ()  # transforms of images before the model, as in `data.val.pipeline`
    notes: tuple[str, ...] = ()  # what differs from the original, a sentence each


def tell_notes(imported: Imported, word: str) -> Imported:
    """Say what differs from the original, on the way to the user."""
    for note in imported.notes:
        logger.info("%s: %s", word, note)
    return imported
