"""Means over the cells of coarse grids, as matrices: equal to `adaptive_avg_pool2d`, faster, right in exported files.

Exporters write the windows of adaptive pooling for the example's size only; these weights are computed in the graph.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .full_precision import full_precision


def grid_means(x: Tensor, grids: Sequence[int]) -> list[Tensor]:
    """B C H W -> for each n of `grids`, B C n n. One product for all grids: x is read once. Sums are in float32."""
    height, width = x.shape[-2:]
    weights = []
    for n in grids:
        rows, columns = cell_weights(height, n, x.device), cell_weights(width, n, x.device)
        weights.append((rows[:, None, :, None] * columns[None, :, None, :]).flatten(2).flatten(0, 1))  # n n, H W
    precision = torch.promote_types(x.dtype, torch.float)
    with full_precision(x):
        means = x.flatten(2).to(precision) @ torch.cat(weights).to(precision).mT  # B C, cells
    return [part.unflatten(2, (n, n)).to(x.dtype) for n, part in zip(grids, means.split([n * n for n in grids], dim=2))]


def cell_weights(length: int, count: int, device: torch.device) -> Tensor:
    """count, length: each row is the mean over one cell. Cell i is from floor(i length / count) to the ceil of the
    next; multiplied out, because exported graphs round divisions differently."""
    places, cells = torch.arange(length, device=device), torch.arange(count, device=device)[:, None]
    is_inside = ((places + 1) * count > cells * length) & (places * count < (cells + 1) * length)
    return is_inside / is_inside.sum(1, keepdim=True, dtype=torch.double)
