"""Feature pyramid network (https://arxiv.org/abs/1612.03144)."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count
from segbox.registry import NECKS


@NECKS.register
class FPN(nn.Module):
    """Adds coarse maps to finer ones; all output maps have the same number of channels.

    `levels` are the indices of the maps to use, finest first; by default all of stride 4 and above. `smooth=False`
    leaves out the 3x3 convolutions of the sums.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        channels: Count = 256,
        levels: tuple[int, ...] | None = None,
        smooth: bool = True,
    ) -> None:
        super().__init__()
        taken = (
            [i for i, stride in enumerate(in_strides) if stride >= 4] if levels is None else chosen(levels, in_strides)
        )
        self.levels = tuple(taken)
        self.laterals = nn.ModuleList(nn.Conv2d(in_channels[i], channels, 1) for i in taken)
        convs = [nn.Conv2d(channels, channels, 3, padding=1) for _ in taken] if smooth else []
        self.smooth = nn.ModuleList(convs or [nn.Identity() for _ in taken])
        for conv in (*self.laterals, *convs):
            nn.init.xavier_uniform_(conv.weight)
            nn.init.zeros_(conv.bias)
        self.channels = (channels,) * len(taken)
        self.strides = tuple(in_strides[i] for i in taken)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        pyramid = [lateral(maps[i]) for lateral, i in zip(self.laterals, self.levels)]
        for i in reversed(range(len(pyramid) - 1)):
            # Nearest neighbours, as in the paper: published weights were trained with it.
            pyramid[i] = pyramid[i] + F.interpolate(pyramid[i + 1], pyramid[i].shape[-2:], mode="nearest")
        return tuple(smooth(x) for smooth, x in zip(self.smooth, pyramid))


def chosen(levels: tuple[int, ...], in_strides: tuple[int, ...]) -> list[int]:
    """The levels as indices from 0, finest first."""
    count = len(in_strides)
    if not levels or any(not -count <= level < count for level in levels):
        raise ValueError(f"levels {tuple(levels)}: expected some of 0..{count - 1}; the maps have strides {in_strides}")
    return sorted({level % count for level in levels})
