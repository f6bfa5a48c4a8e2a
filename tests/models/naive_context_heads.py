"""The heads that gather context from all of the map, written once more from their papers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_layers import (
    Weights,
    attention,
    conv,
    conv_norm,
    conv_norm_relu,
    mean_of,
    norm,
    numbered,
    up_to,
)  # fmt: skip

Maps = tuple[Tensor, ...]


def pyramid(w: Weights, x: Tensor, scales: tuple[int, ...] = (1, 2, 3, 6)) -> Tensor:
    parts = [x]
    for i, scale in enumerate(scales):
        parts.append(up_to(conv_norm_relu(w.below("levels", i), "1", cells(x, scale)), x.shape))
    return torch.cat(parts, dim=1)


def cells(x: Tensor, scale: int) -> Tensor:
    """Means over a grid of scale x scale cells, each from floor(i n / scale) to ceil((i + 1) n / scale)."""
    height, width = x.shape[-2:]
    result = x.new_empty(*x.shape[:2], scale, scale)
    for i in range(scale):
        for j in range(scale):
            rows = slice(i * height // scale, -(-(i + 1) * height // scale))
            columns = slice(j * width // scale, -(-(j + 1) * width // scale))
            result[..., i, j] = x[..., rows, columns].mean((2, 3))
    return result


def psp(w: Weights, maps: Maps) -> Tensor:
    x = pyramid(w.below("pyramid"), maps[-1])
    return conv(w, "classify", conv_norm_relu(w, "fuse", x, padding=1))


def uper(w: Weights, maps: Maps) -> Tensor:
    *finer, last = maps[1:]
    x = conv_norm_relu(w.below("pool"), "1", pyramid(w.below("pool", 0), last), padding=1)
    levels = [x]
    for i in reversed(range(len(finer))):
        x = conv_norm_relu(w.below("lateral"), str(i), finer[i]) + up_to(x, finer[i].shape)
        levels = [conv_norm_relu(w.below("smooth"), str(i), x, padding=1), *levels]
    joined = torch.cat([levels[0], *(up_to(level, levels[0].shape) for level in levels[1:])], dim=1)
    return conv(w, "classify", conv_norm_relu(w, "fuse", joined, padding=1))


def separable(w: Weights, x: Tensor, rate: int = 1) -> Tensor:
    x = conv_norm_relu(w, "0", x, padding=rate, dilation=rate, groups=x.shape[1])
    return conv_norm_relu(w, "1", x)


def wide3x3(w: Weights, name: str, x: Tensor, rate: int = 1) -> Tensor:
    """Plain, or depthwise and pointwise if the weights are so."""
    if w.has(f"{name}.conv.weight"):
        return conv_norm_relu(w, name, x, padding=rate, dilation=rate)
    return separable(w.below(name), x, rate)


def aspp(w: Weights, x: Tensor, rates: tuple[int, ...] = (3, 6, 9)) -> Tensor:
    """At stride 32 the rates are half of the 6, 12, 18 of stride 16. Mixed by 1x1, or 3x3 if the weights are so."""
    parts = [conv_norm_relu(w, "point", x)]
    parts += [wide3x3(w, f"atrous.{i}", x, rate) for i, rate in enumerate(rates)]
    parts.append(conv_norm_relu(w, "image.1", mean_of(x)).expand(-1, -1, *x.shape[-2:]))
    padding = w["project.conv.weight"].shape[-1] // 2
    return conv_norm_relu(w, "project", torch.cat(parts, dim=1), padding=padding)


def deeplab_v3(w: Weights, maps: Maps) -> Tensor:
    return conv(w, "classify", conv_norm_relu(w, "fuse", aspp(w.below("pyramid"), maps[-1]), padding=1))


def deeplab_v3_unrefined(w: Weights, maps: Maps) -> Tensor:
    return conv(w, "classify", aspp(w.below("pyramid"), maps[-1]))


def deeplab_v3_plus(w: Weights, maps: Maps) -> Tensor:
    low = conv_norm_relu(w, "reduce.0", maps[1])
    x = torch.cat([up_to(aspp(w.below("pyramid"), maps[-1]), low.shape), low], dim=1)
    return conv(w, "classify", wide3x3(w, "refine.1", wide3x3(w, "refine.0", x)))


def danet(w: Weights, maps: Maps) -> dict[str, Tensor]:
    x = maps[-1]
    y = conv_norm_relu(w, "position.0", x, padding=1)
    own = w.below("position", 1)
    gathered = attention(conv(own, "query", y), conv(own, "key", y), conv(own, "value", y), scale=1.0)
    position = conv_norm_relu(w, "position.2", y + own["gamma"] * gathered, padding=1)
    y = conv_norm_relu(w, "channel.0", x, padding=1)
    rows = y.flatten(2)
    likeness = torch.einsum("bcn,bdn->bcd", rows, rows)
    weights = torch.softmax(likeness.amax(dim=-1, keepdim=True) - likeness, dim=-1)
    mixed = torch.einsum("bcd,bdn->bcn", weights, rows).view_as(y)
    channel = conv_norm_relu(w, "channel.2", y + w["channel.1.gamma"] * mixed, padding=1)
    return {
        "": conv(w, "classify", position + channel),
        "position": conv(w, "classify_branch.position", position),
        "channel": conv(w, "classify_branch.channel", channel),
    }


def ccnet(w: Weights, maps: Maps) -> Tensor:
    x = conv_norm_relu(w, "reduce", maps[-1], padding=1)
    for _ in range(2):
        x = criss_cross(w.below("attention"), x)
    x = conv_norm_relu(w, "refine", x, padding=1)
    x = conv_norm_relu(w, "fuse", torch.cat([maps[-1], x], dim=1), padding=1)
    return conv(w, "classify", x)


def criss_cross(w: Weights, x: Tensor) -> Tensor:
    query, key, value = (conv(w, name, x) for name in ("query", "key", "value"))
    height, width = x.shape[-2:]
    result = x.clone()
    for i in range(height):
        for j in range(width):
            places = [(k, j) for k in range(height) if k != i] + [(i, k) for k in range(width)]
            keys = torch.stack([key[:, :, a, b] for a, b in places], dim=-1)  # B C n
            values = torch.stack([value[:, :, a, b] for a, b in places], dim=-1)
            weights = torch.softmax(torch.einsum("bc,bcn->bn", query[:, :, i, j], keys), dim=-1)
            result[:, :, i, j] += w["gamma"] * torch.einsum("bn,bcn->bc", weights, values)
    return result


def ocnet(w: Weights, maps: Maps) -> Tensor:
    own = w.below("context")
    x = numbered(own, "reduce", maps[-1], padding=1)
    x = numbered(own, "fuse", torch.cat([object_context(own.below("attention"), x), x], dim=1))
    return conv(w, "classify", x)


def ocnet_asp(w: Weights, maps: Maps) -> Tensor:
    x, own = maps[-1], w.below("context")
    y = object_context(own.below("branches", 0, 1), numbered(own, "branches.0.0", x, padding=1), pool=2)
    parts = [numbered(own, "branches.0.2", y), conv_norm_relu(own, "branches.1", x)]
    for i, rate in enumerate((12, 24, 36)):
        parts.append(conv_norm_relu(own, f"branches.{i + 2}", x, padding=rate, dilation=rate))
    return conv(w, "classify", conv_norm_relu(own, "fuse", torch.cat(parts, dim=1)))


def object_context(w: Weights, x: Tensor, pool: int = 1) -> Tensor:
    small = F.max_pool2d(x, pool, ceil_mode=True)
    key = numbered(w, "key", small)
    gathered = attention(key, key, conv(w, "value", small), scale=key.shape[1] ** -0.5)
    return up_to(conv(w, "project", gathered), x.shape)


def ocr(w: Weights, maps: Maps, level: int = -2, padding: int = 1) -> dict[str, Tensor]:
    own = w.below("coarse")
    coarse = conv(own, "classify", conv_norm_relu(own, "convs.0", maps[level], padding=padding))
    pixels = conv_norm_relu(w, "reduce", maps[-1], padding=1)
    shares = torch.softmax(up_to(coarse, pixels.shape).flatten(2), dim=-1)
    regions = torch.einsum("bkn,bcn->bck", shares, pixels.flatten(2))[..., None]
    own = w.below("context")
    query = conv_norm_relu(own, "query.1", conv_norm_relu(own, "query.0", pixels))
    key = conv_norm_relu(own, "key.1", conv_norm_relu(own, "key.0", regions))
    gathered = attention(query, key, conv_norm_relu(own, "value", regions), scale=key.shape[1] ** -0.5)
    x = torch.cat([conv_norm_relu(own, "expand", gathered), pixels], dim=1)
    return {"": conv(w, "classify", conv_norm_relu(w, "fuse", x)), "coarse": coarse}


def encnet(w: Weights, maps: Maps, kernel: int = 3) -> tuple[Tensor, Tensor]:
    """Logits of the pixels, and of the classes in the image."""
    x = conv_norm_relu(w, "reduce", maps[-1], padding=kernel // 2)
    if w.has("lateral.fuse.conv.weight"):
        own = w.below("lateral")
        finer = [up_to(conv_norm_relu(own, f"project.{i}", m), x.shape) for i, m in enumerate(maps[-3:-1])]
        x = conv_norm_relu(own, "fuse", torch.cat([x, *finer], dim=1), padding=1)
    pixels = conv_norm_relu(w, "encode.0", x).flatten(2).transpose(1, 2)  # B N C
    own = w.below("encode", 1)
    residuals = pixels[:, :, None] - own["codewords"]  # B N K C
    assignment = torch.softmax(own["scales"] * residuals.square().sum(-1), dim=-1)
    encoded = (assignment[..., None] * residuals).sum(dim=1)  # B K C
    scene = norm(own, "norm", encoded).clamp(min=0).mean(dim=1)
    gates = torch.sigmoid(scene @ w["gate.weight"].T + w["gate.bias"])[:, :, None, None]
    logits = conv(w, "classify", (x + x * gates).clamp(min=0))
    return logits, scene @ w["classify_scene.weight"].T + w["classify_scene.bias"]


def bisenet(w: Weights, maps: Maps, is_nearest: bool = False) -> dict[str, Tensor]:
    images, middle, last = maps[0], maps[-2], maps[-1]
    spatial = conv_norm_relu(w.below("spatial"), "0", images, stride=2, padding=3)
    for i in (1, 2):
        spatial = conv_norm_relu(w.below("spatial"), str(i), spatial, stride=2, padding=1)
    spatial = conv_norm_relu(w.below("spatial"), "3", spatial)
    own, outputs, up = w.below("context"), {}, repeated_to if is_nearest else up_to
    context = conv_norm_relu(own, "whole.1", mean_of(last))
    for i, (x, target) in enumerate([(last, middle), (middle, spatial)]):
        x = conv_norm_relu(own, f"attend.{i}.convolve", x, padding=1)
        x = x * torch.sigmoid(conv_norm(own, f"attend.{i}.gate.1", mean_of(x)))
        context = conv_norm_relu(own, f"smooth.{i}", up(x + context, target.shape), padding=1)
        auxiliary = w.below("classify_context", i)
        outputs[f"context{i}"] = conv(auxiliary, "1", conv_norm_relu(auxiliary, "0", context, padding=1))
    x = conv_norm_relu(w, "fuse.mix", torch.cat([spatial, context], dim=1))
    if w.has("fuse.gate.1.norm.weight"):
        gates = torch.sigmoid(conv_norm_relu(w, "fuse.gate.1", mean_of(x)))
    else:
        gates = torch.sigmoid(conv(w, "fuse.gate.3", conv(w, "fuse.gate.1", mean_of(x)).clamp(min=0)))
    return {"": conv(w, "classify", conv_norm_relu(w, "convolve", x * gates + x, padding=1)), **outputs}


def repeated_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """Each pixel of the new size is that of the map in which it begins."""
    rows, columns = ([i * old // new for i in range(new)] for old, new in zip(x.shape[-2:], tuple(size)[-2:]))
    return x[:, :, rows][..., columns]
