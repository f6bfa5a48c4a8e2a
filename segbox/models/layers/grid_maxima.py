"""Maxima over the cells of a grid: `adaptive_max_pool2d`, whose windows exporters write for the example's size only."""

from collections.abc import Sequence

import torch
from torch import Tensor


def grid_maxima(x: Tensor, size: Sequence[int]) -> Tensor:
    """... H W -> ... h w. Cells that do not divide the map overlap."""
    for dim, count in zip((-2, -1), size):
        length = x.shape[dim]
        cells = torch.arange(count, device=x.device)
        first, last = cells * length // count, ((cells + 1) * length + count - 1) // count - 1
        widest = (length + count - 1) // count + 1
        places = torch.minimum(first[:, None] + torch.arange(widest, device=x.device), last[:, None])
        x = x.index_select(dim, places.flatten()).unflatten(dim, (count, widest)).amax(dim)
    return x
