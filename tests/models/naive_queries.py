"""Heads whose queries or kernels look at the map, written once more from their papers."""

import math

import torch
from torch import Tensor

from tests.models.mask_heads import with_names
from tests.models.naive_layers import Weights, conv, conv_norm_relu, up_to

Maps = tuple[Tensor, ...]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    w = w.below(name)
    return x @ w["weight"].T + (w["bias"] if w.has("bias") else 0)


def layer_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def group_norm(w: Weights, name: str, x: Tensor, groups: int = 32) -> Tensor:
    parts = []
    for part in x.chunk(groups, dim=1):
        part = part - part.mean((1, 2, 3), keepdim=True)
        parts.append(part / (part.square().mean((1, 2, 3), keepdim=True) + 1e-5).sqrt())
    return torch.cat(parts, 1) * w[f"{name}.weight"].view(-1, 1, 1) + w[f"{name}.bias"].view(-1, 1, 1)


def waves(height: int, width: int, channels: int) -> Tensor:
    """N C, one number after the other."""
    table = []
    for row in range(1, height + 1):
        for column in range(1, width + 1):
            for place, length in ((row, height), (column, width)):
                angle = 2 * math.pi * place / (length + 1e-6)
                for i in range(channels // 2):
                    slow = angle / 10_000 ** (2 * (i // 2) / (channels // 2))
                    table.append(math.cos(slow) if i % 2 else math.sin(slow))
    return torch.tensor(table, dtype=torch.double).view(height * width, channels)


def attend(w: Weights, heads: int, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Head by head. allowed: Q N, of one image."""
    w = w.below("attention")
    query, key, value = (
        linear(w, n, x).chunk(heads, -1) for n, x in (("query", query), ("key", key), ("value", value))
    )
    found = []
    for q, k, v in zip(query, key, value):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -math.inf)
        found.append(scores.softmax(-1) @ v)
    return linear(w, "out", torch.cat(found, -1))


def attention_layer(w: Weights, heads: int, x: Tensor, *rest: Tensor | None) -> Tensor:
    return layer_norm(w, "norm", x + attend(w, heads, *rest))


def mlp_layer(w: Weights, x: Tensor) -> Tensor:
    return layer_norm(w, "norm", x + linear(w, "project", linear(w, "expand", x).clamp(min=0)))


def at(pixels: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """C h w at places in pixels, 0 outside: C N, from the four neighbours."""
    height, width = pixels.shape[-2:]
    total = torch.zeros(())
    for i in (0, 1):
        for j in (0, 1):
            row, column = y.floor().long() + i, x.floor().long() + j
            share = (1 - (y - row).abs()) * (1 - (x - column).abs())
            is_inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            found = pixels[:, row.clamp(0, height - 1), column.clamp(0, width - 1)]
            total = total + share * is_inside * found
    return total


def deformable(w: Weights, query: Tensor, tokens: Tensor, sizes: list[tuple[int, int]], heads: int) -> Tensor:
    """Of one image: N C. Point by point; a token of one map has its place, as a fraction, in each map."""
    value = linear(w, "value", tokens)
    points = w["weights.bias"].numel() // heads // len(sizes)
    offsets = linear(w, "offsets", query).view(-1, heads, len(sizes), points, 2)
    shares = linear(w, "weights", query).view(-1, heads, len(sizes) * points).softmax(-1).view(offsets.shape[:-1])
    rows = torch.cat([(torch.arange(h).double().repeat_interleave(n) + 0.5) / h for h, n in sizes])
    columns = torch.cat([(torch.arange(n).double().repeat(h) + 0.5) / n for h, n in sizes])
    starts = [sum(h * n for h, n in sizes[:i]) for i in range(len(sizes))]
    found = []
    for head, own in enumerate(value.chunk(heads, -1)):
        total = torch.zeros_like(own)
        for level, ((h, n), start) in enumerate(zip(sizes, starts)):
            pixels = own[start : start + h * n].T.reshape(-1, h, n)
            for point in range(points):
                right, down = offsets[:, head, level, point].unbind(-1)
                sampled = at(pixels, rows * h - 0.5 + down, columns * n - 0.5 + right)
                total += shares[:, head, level, point, None] * sampled.T
        found.append(total)
    return linear(w, "out", torch.cat(found, -1))


def pixel_decoder(w: Weights, maps: Maps, heads: int) -> tuple[Tensor, list[Tensor]]:
    """Of one image: the embeddings C h w, and tokens N C of each map with their size, coarsest first."""
    fine, *coarse = maps
    levels = []
    for i, x in enumerate(reversed(coarse)):
        own = w.below("project", i)
        levels.append(group_norm(own, "1", conv(own, "0", x)))
    sizes = [tuple(x.shape[-2:]) for x in levels]
    tokens = torch.cat([x[0].flatten(1).T for x in levels])
    places = [waves(*size, tokens.shape[1]) + w["level_embedding"][i] for i, size in enumerate(sizes)]
    for i in range(w.count("blocks")):
        own = w.below("blocks", i)
        x = layer_norm(
            own, "norm", tokens + deformable(own.below("attention"), tokens + torch.cat(places), tokens, sizes, heads)
        )
        tokens = mlp_layer(own.below("mlp"), x)
    parts = tokens.split([h * n for h, n in sizes])
    last = parts[-1].T.reshape(1, -1, *sizes[-1])
    x = group_norm(w.below("lateral"), "1", conv(w.below("lateral"), "0", fine))
    x = group_norm(w.below("smooth"), "1", conv(w.below("smooth"), "0", x + up_to(last, x.shape), padding=1)).clamp(
        min=0
    )
    return conv(w, "embed", x), list(zip(parts, sizes))


def predictions(w: Weights, queries: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    x = layer_norm(w, "norm", queries)
    classes, embed = linear(w, "classify", x), w.below("embed")
    for i in range(3):
        x = linear(embed, str(i), x)
        x = x.clamp(min=0) if i < 2 else x
    return classes[None], torch.einsum("qc,bchw->bqhw", x, pixels)


def mask2former(w: Weights, maps: Maps, heads: int = 2) -> dict[str, Tensor]:
    pixels, levels = pixel_decoder(w.below("pixel_decoder"), maps[1:], heads)
    queries, places = w["queries"], w["query_positions"]
    layers = [predictions(w.below("predict"), queries, pixels)]
    for i in range(w.count("blocks")):
        own, (tokens, size) = w.below("blocks", i), levels[i % 3]
        value = tokens + w["level_embedding"][i % 3]
        key = value + waves(*size, value.shape[1])
        allowed = up_to(layers[-1][1], size)[0].flatten(1) >= 0
        for row in allowed:
            if not row.any():
                row[:] = True
        queries = attention_layer(own.below("look"), heads, queries, queries + places, key, value, allowed)
        placed = queries + places
        queries = attention_layer(own.below("exchange"), heads, queries, placed, placed, queries)
        queries = mlp_layer(own.below("mlp"), queries)
        layers.append(predictions(w.below("predict"), queries, pixels))
    return with_names(layers)


def maskformer(w: Weights, maps: Maps, heads: int = 2) -> dict[str, Tensor]:
    own = w.below("pixel_decoder")
    x = relu_of_group(own.below("begin", 0), maps[-1])
    for i in (2, 1, 0):
        lateral = own.below("lateral", i)
        side = group_norm(lateral, "1", conv(lateral, "0", maps[1 + i]))
        x = relu_of_group(own.below("smooth", i, 0), side + nearest(x, side.shape))
    pixels = conv(own, "embed", x, padding=1)
    last = conv(w, "project", maps[-1])
    value = last[0].flatten(1).T
    key, places = value + waves(*last.shape[-2:], value.shape[1]), w["query_positions"]
    queries, layers = torch.zeros_like(places), []
    for i in range(w.count("blocks")):
        own, placed = w.below("blocks", i), queries + places
        queries = attention_layer(own.below("exchange"), heads, queries, placed, placed, queries)
        queries = attention_layer(own.below("look"), heads, queries, queries + places, key, value)
        queries = mlp_layer(own.below("mlp"), queries)
        layers.append(predictions(w.below("predict"), queries, pixels))
    return with_names(layers)


def relu_of_group(w: Weights, x: Tensor) -> Tensor:
    return group_norm(w, "1", conv(w, "0", x, padding=1)).clamp(min=0)


def nearest(x: Tensor, size: torch.Size) -> Tensor:
    rows, columns = (torch.arange(n) * old // n for n, old in zip(size[-2:], x.shape[-2:]))
    return x[:, :, rows][:, :, :, columns]


def knet(w: Weights, maps: Maps, groups: int = 2, heads: int = 2) -> dict[str, Tensor]:
    """Over the FCN head of two convolutions and the map. Of one image, class by class, group of channels by group."""
    own = w.below("generator")
    x = conv_norm_relu(own.below("convs"), "1", conv_norm_relu(own.below("convs"), "0", maps[-1], padding=1), padding=1)
    x = conv_norm_relu(own, "fuse", torch.cat([maps[-1], x], 1), padding=1)
    layers, kernels = [conv(own, "classify", x)], own["classify.weight"][:, :, 0, 0]
    for i in range(w.count("stages")):
        stage = w.below("stages", i)
        pixels = conv(stage, "project", x)
        shares = layers[-1].softmax(1)[0]
        updated = []
        for kernel, share in zip(kernels, shares):
            found = (share * pixels[0]).sum((1, 2))
            pairs = zip(kernel.chunk(groups), found.chunk(groups))
            updated.append(torch.cat([updated_kernel(stage.below("update"), *pair) for pair in pairs]))
        kernels = torch.stack(updated)
        kernels = attention_layer(stage.below("exchange"), heads, kernels, kernels, kernels, kernels)
        kernels = mlp_layer(stage.below("mlp"), kernels)
        refine = stage.below("refine")
        last = linear(refine, "3", layer_norm(refine, "1", linear(refine, "0", kernels)).clamp(min=0))
        layers.append(torch.einsum("kc,bchw->bkhw", last, pixels))
    return {"": layers[-1]} | {f"stage{i}": logits for i, logits in enumerate(layers[:-1])}


def updated_kernel(w: Weights, kernel: Tensor, found: Tensor) -> Tensor:
    """Equations 4 and 5 of the paper."""
    found_in, found_out = linear(w, "of_found", found).chunk(2)
    kernel_in, kernel_out = linear(w, "of_kernels", kernel).chunk(2)
    both = found_in * kernel_in
    total = 0
    for name, value in (("found", found_out), ("kernel", kernel_out)):
        gate = w.below(f"{name}_gate")
        total = total + layer_norm(gate, "1", linear(gate, "0", both)).sigmoid() * layer_norm(w, f"{name}_norm", value)
    return layer_norm(w.below("out"), "1", linear(w.below("out"), "0", total)).clamp(min=0)
