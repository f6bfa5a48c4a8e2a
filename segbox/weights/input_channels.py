"""The first convolution of RGB weights, for images of another number of channels."""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

logger = logging.getLogger("segbox")


def fit_stem(weights: Mapping[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """The weights, with the first convolution made to take as many channels as the backbone's does.

    One channel gets the sum over RGB; n channels get R, G, B, R, ... times 3 / n, so activations keep their scale.
    """
    weights = dict(weights)
    name, convolution = first_convolution(backbone)
    stem, channels = weights.get(f"{name}.weight"), convolution.in_channels
    if stem is None or stem.ndim != 4 or stem.shape[1] != 3 or channels == 3:
        return weights
    if channels == 1:
        weights[f"{name}.weight"] = stem.sum(dim=1, keepdim=True)
    else:
        weights[f"{name}.weight"] = stem[:, torch.arange(channels) % 3] * (3 / channels)
    logger.info("%s.weight: made for 3 channels, adapted to %d", name, channels)
    return weights


def first_convolution(backbone: nn.Module) -> tuple[str, nn.Conv2d]:
    return next((name, layer) for name, layer in backbone.named_modules() if isinstance(layer, nn.Conv2d))
