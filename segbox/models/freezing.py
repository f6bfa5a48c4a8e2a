"""Which parameters of a backbone its first maps are made of."""

import torch
from torch import nn

PROBE = 64  # pixels, of a side


def parameters_of_maps(backbone: nn.Module, count: int, in_channels: int) -> set[str]:
    """The names of all that the first `count` maps depend on, found by a gradient: it needs no word of the backbone."""
    known = len(backbone.channels)
    if not 1 <= count <= known:
        raise ValueError(f"stages={count}: this backbone has {known} maps, so 1 to {known} (None: all of it)")
    parameters = dict(backbone.named_parameters())
    learning = {name: p.requires_grad for name, p in parameters.items()}
    was_training = backbone.training
    first = next(iter(parameters.values()))
    images = torch.zeros(1, in_channels, PROBE, PROBE, device=first.device, dtype=first.dtype)
    try:
        backbone.requires_grad_(True).eval()
        with torch.enable_grad():
            total = sum(x.sum() for x in backbone(images)[:count])
            gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    finally:
        backbone.train(was_training)
        for name, p in parameters.items():
            p.requires_grad_(learning[name])
    return {name for name, gradient in zip(parameters, gradients) if gradient is not None}
