"""The mean over windows: what a global mean was in training, on images that are larger than the crops."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .exporting import is_exporting


class WindowMean(nn.Module):
    """For each cell, the mean over the window around it; windows at the border are moved inside the map.

    A network that was trained on crops knows the means of crops only. With the crop's size (in cells) as the window, it
    gets such means on larger maps too (test-time local converter, https://arxiv.org/abs/2112.04491). A map that is no
    larger than the window has a single mean: 1 x 1.
    """

    def __init__(self, window: tuple[int, int]) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        if is_exporting():
            return means_by_matrices(x, self.window)
        height, width = x.shape[-2:]
        h, w = min(self.window[0], height), min(self.window[1], width)
        if (h, w) == (height, width):
            return F.adaptive_avg_pool2d(x, 1)
        means = F.avg_pool2d(x, (h, w), stride=1)
        top, left = (h - 1) // 2, (w - 1) // 2
        return F.pad(means, (left, w - 1 - left, top, h - 1 - top), mode="replicate")

    def extra_repr(self) -> str:
        return f"window={self.window}"


def means_by_matrices(x: Tensor, window: tuple[int, int]) -> Tensor:
    """The same for any size in one graph; slower. Always a mean for each cell."""
    weights = []
    for length, own in zip(x.shape[-2:], window):
        side = torch.sym_min(own, length)
        places = torch.arange(length, device=x.device)
        starts = torch.minimum((places - (side - 1) // 2).clamp(min=0), torch.zeros_like(places) + length - side)
        weights.append(mean_weights(starts, side, length).to(x.dtype))
    return weights[0] @ (x @ weights[1].mT)


def mean_weights(starts: Tensor, side: int, length: int) -> Tensor:
    """starts, length: each row is the mean over `side` places from a start."""
    places = torch.arange(length, device=starts.device)
    is_inside = (places >= starts[:, None]) & (places < starts[:, None] + side)
    return is_inside / is_inside.sum(1, keepdim=True, dtype=torch.double)
