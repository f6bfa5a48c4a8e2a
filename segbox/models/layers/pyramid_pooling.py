"""PSPNet's pyramid pooling (https://arxiv.org/abs/1612.01105)."""

from torch import Tensor, nn

from .conv import ConvNormAct
from .grid_means import grid_means


class PyramidPooling(nn.Module):
    """The map, and its averages over coarse grids, for a convolution that resizes them to the map."""

    def __init__(self, in_channels: int, channels: int, pool_scales: tuple[int, ...]) -> None:
        super().__init__()
        self.pool_scales = pool_scales
        # In weight files the convolution of a level is number 1, after its pooling.
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Identity(), ConvNormAct(in_channels, channels)) for _ in pool_scales
        )
        self.out_channels = in_channels + channels * len(pool_scales)

    def forward(self, x: Tensor) -> list[Tensor]:
        means = grid_means(x, self.pool_scales)
        return [x, *(level(mean) for level, mean in zip(self.levels, means))]
