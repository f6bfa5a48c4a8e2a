"""Twins, PoolFormer and BEiT, written once more: functions of weights and images. The variants "test" are meant."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_backbones import affine, efficient_attention, layer_norm
from tests.models.naive_layers import Weights, conv
from tests.models.naive_vits import linear, resized, token_norm

EPS = 1e-5
WINDOW = 7


def twins(w: Weights, x: Tensor, is_svt: bool = False) -> list[Tensor]:
    maps = []
    for i, (heads, reduction) in enumerate(zip((1, 2, 3, 4), (8, 4, 2, 1))):
        own, patch = w.below("stages", i), 2 if i else 4
        x = F.pad(x, (0, -x.shape[3] % patch, 0, -x.shape[2] % patch))
        x = layer_norm(own, "embed_norm", conv(own, "embed", x, stride=patch), EPS)
        for j in range(own.count("blocks")):
            block = own.below("blocks", j)
            y = layer_norm(block, "norm1", x, EPS)
            if is_svt and j % 2 == 0:
                x = x + window_attention(block.below("attention"), y, heads)
            else:
                x = x + efficient_attention(block.below("attention"), y, heads, reduction, EPS)
            x = x + affine(block, "mlp.2", gelu(affine(block, "mlp.0", layer_norm(block, "norm2", x, EPS))))
            if j == 0:
                x = x + conv(own, "positions", x, padding=1, groups=x.shape[1])
        x = layer_norm(own, "norm", x, EPS) if is_svt else x
        maps.append(x)
    return maps


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / 2**0.5)) / 2


def window_attention(w: Weights, x: Tensor, heads: int) -> Tensor:
    """Window by window. Zeros beyond the map are seen by its tokens only if no more than one side has them."""
    height, width = x.shape[-2:]
    rows, columns = -height % WINDOW, -width % WINDOW
    padded = affine(w, "query_key_value", F.pad(x, (0, columns, 0, rows)))
    found = torch.zeros_like(padded[:, : x.shape[1]])
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            place = (..., slice(top, top + WINDOW), slice(left, left + WINDOW))
            count = min(WINDOW, height - top), min(WINDOW, width - left)  # of the map's own tokens
            seen = count if rows and columns else (WINDOW, WINDOW)
            mixed = []
            for query, key, value in zip(*(part.chunk(heads, dim=1) for part in padded[place].chunk(3, dim=1))):
                key, value = (part[..., : seen[0], : seen[1]].flatten(2) for part in (key, value))
                weights = torch.softmax(query.flatten(2).mT @ key / key.shape[1] ** 0.5, dim=-1)
                mixed.append((weights @ value.mT).mT.unflatten(2, (WINDOW, WINDOW)))
            found[place] = torch.cat(mixed, dim=1)
    return affine(w, "out", found[..., :height, :width])


def poolformer(w: Weights, x: Tensor) -> list[Tensor]:
    maps = []
    for i in range(4):
        if i == 0:
            x = F.pad(x, (2, 2 + -x.shape[3] % 4, 2, 2 + -x.shape[2] % 4))
            x = conv(w, "embeds.0", x, stride=4)
        else:
            x = conv(w, f"embeds.{i}", x, stride=2, padding=1)
        for j in range((1, 1, 2, 1)[i]):
            block = w.below("stages", i, j)
            y = whole_norm(block, "norm1", x)
            ones = F.pad(torch.ones_like(y), (1, 1, 1, 1))
            sums = [
                sum(z[..., r : r + y.shape[2], c : c + y.shape[3]] for r in range(3) for c in range(3))
                for z in (F.pad(y, (1, 1, 1, 1)), ones)
            ]
            x = x + block["scale1"] * (sums[0] / sums[1] - y)
            x = x + block["scale2"] * conv(block, "mlp.2", gelu(conv(block, "mlp.0", whole_norm(block, "norm2", x))))
        maps.append(whole_norm(w, f"norms.{i}", x))
    return maps


def whole_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    """Over all numbers of an image."""
    centred = x - x.mean((1, 2, 3), keepdim=True)
    scale = (centred.square().mean((1, 2, 3), keepdim=True) + EPS).sqrt()
    return centred / scale * w[f"{name}.weight"].view(-1, 1, 1) + w[f"{name}.bias"].view(-1, 1, 1)


def beit(w: Weights, images: Tensor, side: int, is_mae: bool = False) -> list[Tensor]:
    """Pairs of tokens one by one; a table has (2 * side - 1) ** 2 offsets, and three rows of the class token."""
    height, width = images.shape[-2:]
    x = conv(w, "embed", F.pad(images, (0, -width % 16, 0, -height % 16)), stride=16)
    rows, columns = x.shape[-2:]
    x = torch.cat([w["class_token"].expand(len(x), -1, -1), x.flatten(2).mT], dim=1)
    if is_mae:
        table = resized(w["positions"][0, 1:].unflatten(0, (side, side)), rows, columns).flatten(0, 1)
        x = x + torch.cat([w["positions"][0, :1], table])
    maps = []
    for i in range(4):
        x = beit_block(w.below("blocks", i), x, pair_biases(w[f"tables.{i}"], rows, columns, side))
        maps.append(x[:, 1:].mT.unflatten(2, (rows, columns)))
    return maps


def pair_biases(table: Tensor, rows: int, columns: int, side: int) -> Tensor:
    cells = [None, *((r, c) for r in range(rows) for c in range(columns))]
    found = torch.zeros(table.shape[1], len(cells), len(cells), dtype=table.dtype)
    for i, a in enumerate(cells):
        for j, b in enumerate(cells):
            if a is None or b is None:
                row = -1 if a is b else (-3 if a is None else -2)
            else:
                down, right = (max(-side + 1, min(side - 1, p - q)) + side - 1 for p, q in zip(a, b))
                row = down * (2 * side - 1) + right
            found[:, i, j] = table[row]
    return found


def beit_block(w: Weights, x: Tensor, biases: Tensor) -> Tensor:
    y = linear(w, "attention.query_key_value", token_norm(w, "norm1", x, 1e-6))
    if w.has("attention.query_bias"):
        none = torch.zeros_like(w["attention.query_bias"])
        y = y + torch.cat([w["attention.query_bias"], none, w["attention.value_bias"]])
    mixed = []
    for bias, query, key, value in zip(biases, *(part.chunk(len(biases), dim=-1) for part in y.chunk(3, dim=-1))):
        mixed.append(torch.softmax(query @ key.mT / query.shape[-1] ** 0.5 + bias, dim=-1) @ value)
    x = x + w["scale1.factor"] * linear(w, "attention.out", torch.cat(mixed, dim=-1))
    return x + w["scale2.factor"] * linear(w, "mlp.2", gelu(linear(w, "mlp.0", token_norm(w, "norm2", x, 1e-6))))
