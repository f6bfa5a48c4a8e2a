"""The colour outside of the image: the model's mean, which data sets fill with."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from segbox.data.datasets.dataset import SegDataset
from segbox.registry import BACKBONES
from segbox.weights.backbone import word_for
from segbox.weights.loading import read_weights_of
from segbox.weights.mean_std import choose_mean_std
from segbox.weights.published import published
from segbox.weights.sources.find import find_weights


def fill_with_mean(dataset: SegDataset, model: nn.Module) -> None:
    """Set the fill colour of a data set, before its loader starts: normalised, the mean is 0, as zero padding is."""
    mean = getattr(model, "mean", None)
    if mean is not None:
        dataset.fill = tuple(mean.flatten().tolist())


def mean_without_building(config: Mapping[str, Any]) -> tuple[float, ...]:
    """The mean that the model of a config would have, without building the model."""
    parts = config.get("backbone")
    if isinstance(parts, Mapping):
        parts = {key: value for key, value in parts.items() if key != "pretrained"}
    mean, card = config.get("mean"), None
    if mean is None:
        with torch.device("meta"):
            backbone = BACKBONES.build(parts, "model.backbone")
        card = getattr(backbone, "card", None)
        words = (config.get("weights"), config.get("backbone_weights"))  # the first one is loaded last and wins
        means = (mean_of_weights(word_for(backbone, word)) for word in words if word is not None)
        mean = next((found for found in means if found is not None), None)
    return choose_mean_std(mean, 1.0, parts.get("in_channels", 3), card)["mean"].values


def mean_of_weights(word: str) -> tuple[float, ...] | None:
    """The mean of a file of weights, or of its card. Files of known cards are not downloaded for it."""
    if known := published(word):
        return known.card.mean
    file = find_weights(word)
    mean = read_weights_of(file).get("mean")
    if mean is not None:
        return tuple(mean.flatten().tolist())
    return None if file.card is None else file.card.mean
