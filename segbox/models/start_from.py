"""A model that starts from the weights of a trained one, which may have other classes."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from segbox.interop.saved import Saved, read_saved
from segbox.models.class_rows import match_classes, move_rows
from segbox.weights.fit import Fit, grouped
from segbox.weights.loading import load_weights

logger = logging.getLogger("segbox")


def load_trained(
    model: nn.Module,
    word: str | Path,
    map_location: str | torch.device | None = None,
    strict: bool = True,
    classes: Sequence[str] | None = None,
    may_miss: Sequence[str] | None = None,
) -> Fit:
    """Load the weights of a trained model: a path, or any other word that names one.

    With `strict=False`, tensors that do not fit are skipped and logged; `may_miss` names the parts that alone may be
    skipped. With `classes`, the names of the model's classes, the rows of classifiers move to the classes of the same
    name.
    """
    saved = read_saved(word, f"begin without it: model.weights=None (now {word})")
    weights = {name: value.to(map_location) for name, value in saved.weights.items()}
    if classes is not None and has_names(saved):
        match = match_classes(saved.classes, classes)
        if not match.is_identity():
            weights, moved = move_rows(model, weights, match)
            layers = grouped(moved, weights.keys() - set(moved))
            logger.info("%s: other classes: %s (%s)", saved.source, match, ", ".join(layers))
    return load_weights(model, weights, saved.source, not strict, may_miss=may_miss)


def has_names(saved: Saved) -> bool:
    """Whether the names of the classes are known; what damaged files say of them does not matter here."""
    names = saved.classes
    return isinstance(names, list | tuple) and bool(names) and all(isinstance(name, str) for name in names)
