"""The mean over windows: what a global mean was in training, on images that are larger than the crops."""

import torch.nn.functional as F
from torch import Tensor, nn


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
        height, width = x.shape[-2:]
        h, w = min(self.window[0], height), min(self.window[1], width)
        if (h, w) == (height, width):
            return F.adaptive_avg_pool2d(x, 1)
        means = F.avg_pool2d(x, (h, w), stride=1)
        top, left = (h - 1) // 2, (w - 1) // 2
        return F.pad(means, (left, w - 1 - left, top, h - 1 - top), mode="replicate")

    def extra_repr(self) -> str:
        return f"window={self.window}"
