"""The heads with non-local blocks and their successors, written once more from their papers."""

from collections.abc import Callable

import torch
from torch import Tensor

from tests.models.naive_layers import Weights, attention, conv, conv_norm, conv_norm_relu

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


def non_local(w: Weights, x: Tensor, mode: str = "embedded_gaussian", use_scale: bool = True) -> Tensor:
    query, key, value = (conv(w, name, x) for name in ("query", "key", "value"))
    if mode == "dot_product":
        weights = torch.einsum("bchw,bckl->bhwkl", query, key).flatten(3) / key[0, 0].numel()
        gathered = torch.einsum("bhwn,bdn->bdhw", weights, value.flatten(2))
    else:
        gathered = attention(query, key, value, key.shape[1] ** -0.5 if use_scale else 1.0)
    return x + conv_norm(w, "project", gathered)


def disentangled(w: Weights, x: Tensor, temperature: float = 0.05) -> Tensor:
    query, key, value = (conv(w, name, x) for name in ("query", "key", "value"))
    query, key = (y - y.flatten(2).mean(2)[..., None, None] for y in (query, key))
    pairs = attention(query, key, value, key.shape[1] ** -0.5 / temperature)
    return x + conv_norm(w, "project", pairs + weighted_mean(conv(w, "attend", x), value))
