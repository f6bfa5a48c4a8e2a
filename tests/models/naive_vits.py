"""Plain vision transformers and the parts that read their maps, written once more: functions of weights and maps."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_backbones import layer_norm
from tests.models.naive_layers import Weights, conv, conv_norm, conv_norm_relu, up_to

Maps = tuple[Tensor, ...]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    x = x @ w[f"{name}.weight"].T
    return x + w[f"{name}.bias"] if w.has(f"{name}.bias") else x


def token_norm(w: Weights, name: str, x: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]


def block(w: Weights, x: Tensor, heads: int, eps: float) -> Tensor:
    parts = linear(w, "attention.query_key_value", token_norm(w, "norm1", x, eps)).chunk(3, dim=-1)
    mixed = []
    for query, key, value in zip(*(part.chunk(heads, dim=-1) for part in parts)):
        mixed.append(torch.softmax(query @ key.mT / query.shape[-1] ** 0.5, dim=-1) @ value)
    x = x + linear(w, "attention.out", torch.cat(mixed, dim=-1))
    y = linear(w, "mlp.0", token_norm(w, "norm2", x, eps))
    return x + linear(w, "mlp.2", y * (1 + torch.erf(y / 2**0.5)) / 2)


def resized(table: Tensor, rows: int, columns: int) -> Tensor:
    """Bicubic, H W C -> rows columns C, one side after the other."""
    table = torch.einsum("oi,iwc->owc", cubic(table.shape[0], rows), table)
    return torch.einsum("oi,hic->hoc", cubic(table.shape[1], columns), table)


def cubic(old: int, new: int, a: float = -0.75) -> Tensor:
    """The weights of the old places for each new one; places beyond the border are those at the border."""
    weights = torch.zeros(new, old, dtype=torch.double)
    for i in range(new):
        place = (i + 0.5) * old / new - 0.5
        for k in range(math.floor(place) - 1, math.floor(place) + 3):
            d = abs(place - k)
            near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
            weights[i, min(max(k, 0), old - 1)] += near if d <= 1 else far
    return weights


def vit(w: Weights, images: Tensor, final_norm: bool = False, joined: bool = False) -> list[Tensor]:
    """The variant "test": four blocks of two attention heads, a map of each."""
    height, width = images.shape[-2:]
    x = conv(w, "embed", F.pad(images, (0, -width % 16, 0, -height % 16)), stride=16)
    rows, columns = x.shape[-2:]
    first, table = w["class_token"][0] + w["positions"][0, :1], w["positions"][0, 1:].view(14, 14, -1)
    x = x.flatten(2).mT + resized(table, rows, columns).flatten(0, 1)
    x = torch.cat([first.expand(len(x), 1, -1), x], dim=1)
    maps = []
    for i in range(4):
        x = block(w.below("blocks", i), x, 2, 1e-6)
        x = token_norm(w, "norm", x, 1e-6) if i == 3 and final_norm else x
        tokens = torch.cat([x[:, 1:], x[:, :1].expand_as(x[:, 1:])], dim=-1) if joined else x[:, 1:]
        maps.append(tokens.mT.unflatten(2, (rows, columns)))
    return maps


def multi_level(w: Weights, maps: Maps, factors: tuple[float, ...]) -> list[Tensor]:
    x = conv(w, "laterals.0", maps[-1])
    height, width = x.shape[-2:]
    outputs = []
    for i, factor in enumerate(factors):
        y = F.avg_pool2d(x, 2) if factor == 0.5 else up_to(x, (int(factor * height), int(factor * width)))
        outputs.append(conv(w, f"smooth.{i}", y, padding=1))
    return outputs


def mla_neck(w: Weights, maps: Maps) -> list[Tensor]:
    outputs, above = [], None
    for i in reversed(range(len(maps))):
        x = conv_norm_relu(w, f"laterals.{i}", layer_norm(w, f"norms.{i}", maps[i], 1e-6))
        above = x if above is None else x + up_to(above, x.shape)
        outputs.insert(0, conv_norm_relu(w, f"smooth.{i}", above, padding=1))
    return outputs


def setr_up(w: Weights, maps: Maps, num_convs: int, padding: int, scale: int) -> Tensor:
    x = layer_norm(w, "norm", maps[-1], 1e-6)
    for i in range(num_convs):
        x = conv_norm_relu(w, f"convs.{i}", x, padding=padding)
        x = up_to(x, (scale * x.shape[2], scale * x.shape[3]))
    return conv(w, "classify", x)


def setr_mla(w: Weights, maps: Maps) -> Tensor:
    size = [4 * side for side in maps[1].shape[-2:]]
    levels = []
    for i, x in enumerate(maps[1:]):
        for step in "01":
            x = conv_norm_relu(w.below("convs", i), step, x, padding=1)
        levels.append(up_to(x, size))
    return conv(w, "classify", torch.cat(levels, dim=1))


def segmenter(w: Weights, maps: Maps) -> Tensor:
    """Two blocks of two attention heads."""
    classes = w["classes"]
    x = torch.cat([linear(w, "project", maps[-1].flatten(2).mT), classes.expand(len(maps[-1]), -1, -1)], dim=1)
    for i in range(2):
        x = block(w.below("blocks", i), x, 2, 1e-5)
    x = token_norm(w, "norm", x, 1e-5)
    count = classes.shape[1]
    cells, classes = linear(w, "project_cells", x[:, :-count]), linear(w, "project_classes", x[:, -count:])
    lengths = cells.square().sum(-1).sqrt()[:, :, None] * classes.square().sum(-1).sqrt()[:, None]
    logits = token_norm(w, "norm_classes", cells @ classes.mT / lengths, 1e-5)
    return logits.mT.unflatten(2, tuple(maps[-1].shape[-2:]))


def dpt(w: Weights, maps: Maps) -> Tensor:
    """On maps of strides 4 to 32, which keep their size."""
    levels = [conv(w, f"levels.{i}.project", x) for i, x in enumerate(maps[1:])]
    levels = [conv(w, f"convs.{i}", x, padding=1) for i, x in enumerate(levels)]
    x = None
    for i in (3, 2, 1, 0):
        own = w.below("fusions", i)
        x = levels[i] if x is None else x + twice(own.below("join"), up_to(levels[i], x.shape))
        x = twice(own.below("refine"), x)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = conv(own, "project", x)
    return conv(w, "classify", conv_norm_relu(w, "fuse", x, padding=1))


def twice(w: Weights, x: Tensor) -> Tensor:
    y = conv_norm(w, "conv1", x.clamp(min=0), padding=1)
    return x + conv_norm(w, "conv2", y.clamp(min=0), padding=1)
