"""The heads with non-local blocks and their successors, written once more from their papers."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_context_heads import cells
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


def mixture(w: Weights, x: Tensor, iterations: int = 3) -> Tensor:
    mixed = torch.stack([of_one(w["bases"][0].T, pixels, iterations) for pixels in conv(w, "embed", x)])
    return (x + conv_norm(w, "project", mixed.clamp(min=0))).clamp(min=0)


def of_one(bases: Tensor, pixels: Tensor, iterations: int) -> Tensor:
    """K C, C H W -> C H W, pixel by pixel and basis by basis."""
    rows = pixels.flatten(1).T
    for _ in range(iterations):
        shares = torch.stack([torch.softmax(torch.stack([row @ basis for basis in bases]), dim=0) for row in rows])
        means = [sum(s * row for s, row in zip(column, rows)) / column.sum() for column in shares.T]
        bases = torch.stack([mean / mean.square().sum().sqrt() for mean in means])
    return (shares @ bases).T.view_as(pixels)


def isa(w: Weights, maps: Maps, window: tuple[int, int] = (2, 3)) -> Tensor:
    x = conv_norm_relu(w, "reduce", maps[-1], padding=1)
    (height, width), (h, w_) = x.shape[-2:], window
    top, left = -height % h // 2, -width % w_ // 2
    y = F.pad(x, (left, -width % w_ - left, top, -height % h - top))
    for i in range(h):
        for j in range(w_):
            y[:, :, i::h, j::w_] = all_pairs(w.below("distant"), y[:, :, i::h, j::w_])
    for i in range(0, y.shape[2], h):
        for j in range(0, y.shape[3], w_):
            y[:, :, i : i + h, j : j + w_] = all_pairs(w.below("near"), y[:, :, i : i + h, j : j + w_])
    y = y[:, :, top : top + height, left : left + width]
    return conv(w, "classify", conv_norm_relu(w, "fuse", torch.cat([y, x], dim=1)))


def all_pairs(w: Weights, x: Tensor) -> Tensor:
    query, key = (conv_norm_relu(w, f"{name}.1", conv_norm_relu(w, f"{name}.0", x)) for name in ("query", "key"))
    return conv_norm_relu(w, "mix", attention(query, key, conv(w, "value", x), key.shape[1] ** -0.5))


def ann(w: Weights, maps: Maps) -> Tensor:
    low, high = maps[-2:]
    x = pooled(w, "attend_low", conv_norm_relu(w, "query", high), conv_norm_relu(w, "key", low), low)
    x = conv_norm(w, "fuse", torch.cat([x, high], dim=1))
    x = conv_norm_relu(w, "reduce", x, padding=1)
    embedded = conv_norm_relu(w, "embed", x)
    x = torch.cat([pooled(w, "attend", embedded, embedded, x), x], dim=1)
    return conv(w, "classify", conv_norm_relu(w, "mix", x))


def pooled(w: Weights, name: str, query: Tensor, key: Tensor, x: Tensor) -> Tensor:
    """Attention to the cells of four grids, of keys and of values."""
    w = w.below(name)
    values = conv(w, "value", x)
    key, values = (torch.cat([cells(y, n).flatten(2) for n in (1, 3, 6, 8)], dim=2) for y in (key, values))
    gathered = attention(query, key[..., None], values[..., None], scale=key.shape[1] ** -0.5)
    return conv(w, "project", gathered)
