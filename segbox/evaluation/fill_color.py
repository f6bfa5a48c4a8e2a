"""The colour outside of the image: the model's mean, which data sets fill with."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from segbox.data.datasets.dataset import SegDataset
from segbox.interop.saved import read_saved
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
        if config.get("weights") is not None:  # loaded last, so it wins
            mean = listed(read_saved(config["weights"]).weights.get("mean"))
        if mean is None and config.get("backbone_weights") is not None:
            mean = mean_of_weights(word_for(backbone, config["backbone_weights"]))
    return choose_mean_std(mean, 1.0, parts.get("in_channels", 3), card)["mean"].values


def mean_of_weights(word: str) -> tuple[float, ...] | None:
    """The mean of a file of backbone weights, or of its card. Files of known cards are not downloaded for it."""
    if known := published(word):
        return known.card.mean
    file = find_weights(word)
    mean = listed(read_weights_of(file).get("mean"))
    return file.card.mean if mean is None and file.card is not None else mean


def listed(mean: Tensor | None) -> tuple[float, ...] | None:
    return None if mean is None else tuple(mean.flatten().tolist())
