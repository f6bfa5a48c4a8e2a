"""The first convolution of RGB weights, adapted to images with another number of channels."""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn

logger = logging.getLogger("segbox")


def adapt_first_convolution(weights: Mapping[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """The weights, with the input channels of the first convolution adapted to the backbone's.

    One channel gets the sum over RGB; n channels get R, G, B, R, ... times 3 / n, so activations keep their scale.
    """
    weights = dict(weights)
    name, convolution = first_convolution(backbone)
    weight, channels = weights.get(f"{name}.weight"), convolution.in_channels
    if weight is None or weight.ndim != 4 or weight.shape[1] != 3 or channels == 3:
        return weights
    if channels == 1:
        weights[f"{name}.weight"] = weight.sum(dim=1, keepdim=True)
    else:
        weights[f"{name}.weight"] = weight[:, torch.arange(channels) % 3] * (3 / channels)
    logger.info("%s.weight: its 3 input channels are adapted to %d", name, channels)
    return weights


def first_convolution(backbone: nn.Module) -> tuple[str, nn.Conv2d]:
    return next((name, layer) for name, layer in backbone.named_modules() if isinstance(layer, nn.Conv2d))
