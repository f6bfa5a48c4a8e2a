"""PointRend's head written once more, point by point."""

import torch
from torch import Tensor

from tests.models.naive_heads import semantic_fpn
from tests.models.naive_layers import Weights, conv, up_to

Maps = tuple[Tensor, ...]
SEED = 0  # of the random points


def pointrend(w: Weights, maps: Maps, subdivided: int, trained: int) -> dict[str, Tensor]:
    """`subdivided` pixels of each of two subdivisions; `trained` points, half of them the most uncertain of twice as
    many."""
    fine, coarse = maps[1], semantic_fpn(w.below("coarse"), maps, "BN", always_double=True)
    logits = coarse
    for _ in range(2):
        height, width = (2 * side for side in logits.shape[-2:])
        logits = up_to(logits, (height, width))
        old = logits.clone()
        doubt = sorted((margin(old[0, :, y, x]), y, x) for y in range(height) for x in range(width))
        for _, y, x in doubt[:subdivided]:
            logits[0, :, y, x] = at_point(w, fine, coarse, (x + 0.5) / width, (y + 0.5) / height)
    points = drawn(coarse, trained)
    at_points = torch.stack([at_point(w, fine, coarse, x, y) for x, y in points], dim=1)
    return {"": logits, "points": at_points[None, ..., None], "coarse": coarse}


def drawn(coarse: Tensor, count: int) -> list[tuple[float, float]]:
    torch.manual_seed(SEED)
    candidates = torch.rand(1, 2 * count, 2)[0].tolist()
    others = torch.rand(1, count - count // 2, 2)[0].tolist()
    candidates.sort(key=lambda point: margin(bilinear(coarse, *point)))
    return [*candidates[: count // 2], *others]


def margin(logits: Tensor) -> float:
    second, best = logits.sort().values[-2:].tolist()
    return best - second


def at_point(w: Weights, fine: Tensor, coarse: Tensor, x: float, y: float) -> Tensor:
    own, known = w.below("points"), bilinear(coarse, x, y)[None, :, None, None]
    features = bilinear(fine, x, y)[None, :, None, None]
    for i in range(own.count("layers")):
        features = conv(own, f"layers.{i}", torch.cat([features, known], dim=1)).clamp(min=0)
    return conv(own, "classify", torch.cat([features, known], dim=1))[0, :, 0, 0]


def bilinear(x: Tensor, right: float, down: float) -> Tensor:
    """Of the first image, at shares of its width and height. Around the map are zeros."""
    height, width = x.shape[-2:]
    column, row = right * width - 0.5, down * height - 0.5
    total = x.new_zeros(x.shape[1])
    for i in range(height):
        for j in range(width):
            share = max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j))
            if share > 0:
                total += share * x[0, :, i, j]
    return total
