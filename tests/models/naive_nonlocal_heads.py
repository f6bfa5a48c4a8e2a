"""The heads with non-local blocks and their successors, written once more from their papers."""

from collections.abc import Callable

import torch
from torch import Tensor

from tests.models.naive_layers import Weights, conv, conv_norm_relu

Maps = tuple[Tensor, ...]
Block = Callable[[Weights, Tensor], Tensor]


def around(w: Weights, maps: Maps, block: Block) -> Tensor:
    own = w.below("convs")
    x = block(own.below("context"), conv_norm_relu(own, "reduce", maps[-1], padding=1))
    x = torch.cat([maps[-1], conv_norm_relu(own, "refine", x, padding=1)], dim=1)
    return conv(w, "classify", conv_norm_relu(own, "fuse", x, padding=1))


def weighted_mean(scores: Tensor, x: Tensor) -> Tensor:
    """B 1 H W, B C H W -> B C 1 1."""
    weights = torch.softmax(scores.flatten(1), dim=1)
    return torch.einsum("bn,bcn->bc", weights, x.flatten(2))[..., None, None]


def global_context(w: Weights, x: Tensor) -> Tensor:
    context = conv(w, "transform.0", weighted_mean(conv(w, "attend", x), x))  # B C 1 1
    mean, variance = context.mean(1, keepdim=True), context.var(1, correction=0, keepdim=True)
    context = (context - mean) / (variance + 1e-5).sqrt() * w["transform.1.weight"] + w["transform.1.bias"]
    return x + conv(w, "transform.3", context.clamp(min=0))
