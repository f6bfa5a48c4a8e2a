"""The colour outside of the image: the model's mean, which data sets fill with."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from segbox.data.datasets.dataset import SegDataset
from segbox.interop.saved import read_saved
from segbox.registry import BACKBONES
from segbox.weights.loading import read_weights
from segbox.weights.mean_std import choose_mean_std


def fill_with_mean(dataset: SegDataset, model: nn.Module) -> None:
    """Set the fill colour of a data set, before its loader starts: normalised, the mean is 0, as zero padding is."""
    mean = getattr(model, "mean", None)
    if mean is not None:
        dataset.fill = tuple(mean.flatten().tolist())


def mean_without_building(config: Mapping[str, Any]) -> tuple[float, ...]:
    """The mean that the model of a config would have, without building the model."""
    mean = config.get("mean")
    for argument in ("weights", "backbone_weights"):  # the first one is loaded last and wins
        if mean is None and config.get(argument) is not None:
            word = config[argument]
            found = (read_saved(word).weights if argument == "weights" else read_weights(word)).get("mean")
            mean = None if found is None else found.flatten().tolist()
    backbone = config.get("backbone")
    if isinstance(backbone, Mapping):
        backbone = {key: value for key, value in backbone.items() if key != "pretrained"}
    card = None
    if mean is None:
        with torch.device("meta"):
            card = getattr(BACKBONES.build(backbone, "model.backbone"), "card", None)
    return choose_mean_std(mean, 1.0, backbone.get("in_channels", 3), card)["mean"].values
