"""A backbone that starts from that of a whole model of another toolbox."""

from pathlib import Path

import torch
from torch import nn

from segbox.interop.saved import read_saved
from segbox.weights.backbone import load_backbone_parameters, require_all
from segbox.weights.fit import Fit
from segbox.weights.input_channels import adapt_first_convolution
from segbox.weights.loading import load_weights, part_of
from segbox.weights.mean_std import reconcile_mean_std

CONVERTED = "mmseg://"  # words of models whose config decides the names of their tensors


def load_backbone(
    model: nn.Module, word: str | Path, map_location: str | torch.device | None = None, strict: bool = True
) -> Fit:
    """Load the weights of the backbone: see `load_backbone_parameters`, and in addition mmseg://NAME."""
    if not str(word).startswith(CONVERTED):
        return load_backbone_parameters(model, word, map_location, strict)
    weights = {name: value.to(map_location) for name, value in read_saved(word).weights.items()}
    own = adapt_first_convolution(part_of(weights, "backbone."), model.backbone)
    if strict:
        require_all(own, model.backbone, str(word))
    fit = load_weights(model.backbone, own, word, not strict)
    numbers = {name: value for name, value in weights.items() if name in model.mean_std_sources}
    model.load_state_dict(reconcile_mean_std(model, numbers, word), strict=False)
    return fit
