"""The heads that make weights for each image or pixel, written once more: APCNet, DMNet, PSANet."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_context_heads import cells
from tests.models.naive_layers import Weights, conv, conv_norm_relu, mean_of, norm

Maps = tuple[Tensor, ...]


def apcnet(w: Weights, maps: Maps, scales: tuple[int, ...] = (1, 2, 3, 6)) -> Tensor:
    x = maps[-1]
    parts = [x]
    for i, scale in enumerate(scales):
        own = w.below("contexts", i)
        regions = conv_norm_relu(own, "describe", cells(x, scale))
        pixels = conv_norm_relu(own, "reduce", x)
        weights = torch.sigmoid(conv(own, "weigh", pixels + conv_norm_relu(own, "whole", mean_of(pixels))))
        context = torch.zeros_like(pixels)
        for cell in range(scale**2):
            region = regions[:, :, cell // scale, cell % scale]
            context += weights[:, cell, None] * region[:, :, None, None]
        mixed = (pixels + conv_norm_relu(own, "residual", context)).clamp(min=0)
        parts.append(conv_norm_relu(own, "fuse", mixed))
    return conv(w, "classify", conv_norm_relu(w, "fuse", torch.cat(parts, dim=1), padding=1))


def dmnet(w: Weights, maps: Maps, sizes: tuple[int, ...] = (1, 3, 5, 7)) -> Tensor:
    x = maps[-1]
    parts = [x]
    for i, size in enumerate(sizes):
        own = w.below("branches", i)
        filters = conv(own, "make_filters", cells(x, size))
        filtered = by_filters(conv_norm_relu(own, "reduce", x), filters)
        parts.append(norm(own, "norm", filtered).clamp(min=0))
    return conv(w, "classify", conv_norm_relu(w, "fuse", torch.cat(parts, dim=1), padding=1))


def by_filters(x: Tensor, filters: Tensor) -> Tensor:
    """Tap by tap: tap (a, b) of k x k is k // 2 rows and columns before its pixel at a = b = 0."""
    size, (height, width) = filters.shape[-1], x.shape[-2:]
    result = torch.zeros_like(x)
    for row in range(height):
        for column in range(width):
            for a in range(size):
                for b in range(size):
                    y, z = row + a - size // 2, column + b - size // 2
                    if 0 <= y < height and 0 <= z < width:
                        result[:, :, row, column] += filters[:, :, a, b] * x[:, :, y, z]
    return result


def psanet(
    w: Weights, maps: Maps, mask: tuple[int, int], directions: tuple[str, ...] = ("collect", "distribute")
) -> Tensor:
    x = maps[-1]
    height, width = x.shape[-2:]
    is_odd = height % 2 == 1 and width % 2 == 1
    half = ((height + 1) // 2, (width + 1) // 2) if is_odd else (height // 2, width // 2)
    parts = []
    for name in directions:
        y = F.interpolate(conv_norm_relu(w, f"reduce.{name}", x), half, mode="bilinear", align_corners=is_odd)
        own = w.below("attention", name, "predict")
        logits = psa_logits(conv(own, "1", conv_norm_relu(own, "0", y)), mask)  # B, place, pixel
        if name == "distribute":
            logits = logits.transpose(1, 2)
        weights = torch.softmax(logits, dim=1)
        parts.append(torch.einsum("bcq,bqp->bcp", y.flatten(2), weights).view_as(y))
    joined = F.pad(torch.cat(parts, dim=1), (1, 1, 1, 1))
    y = F.interpolate(conv_norm_relu(w, "expand", joined), (height, width), mode="bilinear", align_corners=is_odd)
    return conv(w, "classify", conv_norm_relu(w, "fuse", torch.cat([x, y], dim=1), padding=1))


def psa_logits(by_offset: Tensor, mask: tuple[int, int]) -> Tensor:
    """The cell (a, b) of a pixel's mask is for the place (a - centre, b - centre) from the pixel."""
    batch, _, height, width = by_offset.shape
    result = by_offset.new_zeros(batch, height, width, height, width)
    for row in range(height):
        for column in range(width):
            for a in range(mask[0]):
                for b in range(mask[1]):
                    y, z = row + a - (mask[0] - 1) // 2, column + b - (mask[1] - 1) // 2
                    if 0 <= y < height and 0 <= z < width:
                        result[:, y, z, row, column] = by_offset[:, a * mask[1] + b, row, column]
    return result.flatten(3).flatten(1, 2)
