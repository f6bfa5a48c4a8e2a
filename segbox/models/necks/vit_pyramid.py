"""Maps of several strides from a backbone that has one, as a plain ViT (https://arxiv.org/abs/2203.16527)."""

from collections.abc import Sequence

from torch import Tensor, nn

from segbox.arguments import Count
from segbox.registry import NECKS


@NECKS.register
class ViTPyramid(nn.Module):
    """Finer maps by transposed convolutions, coarser ones by pooling.

    All are computed from the last map, or, if the backbone has as many maps as there are `strides`, each from its own.
    A finer map covers whole cells of its source, so it may be larger than the image / stride.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        channels: Count | None = None,
        strides: Sequence[Count] = (4, 8, 16, 32),
    ) -> None:
        super().__init__()
        count = len(strides)
        self.sources = tuple(range(count)) if len(in_strides) == count else (len(in_strides) - 1,) * count
        self.levels = nn.ModuleList(
            level(in_channels[source], in_strides[source], stride, channels)
            for source, stride in zip(self.sources, strides)
        )
        self.channels = tuple(channels or in_channels[source] for source in self.sources)
        self.strides = tuple(strides)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(level(maps[source]) for level, source in zip(self.levels, self.sources))


def level(in_channels: int, in_stride: int, stride: int, channels: int | None) -> nn.Sequential:
    steps: list[nn.Module] = []
    finer, coarser = in_stride / stride, stride / in_stride
    if stride < 1 or max(finer, coarser) not in (1, 2, 4, 8, 16):
        raise ValueError(
            f"strides: {stride} cannot be made from a map of stride {in_stride}, only what is 2, 4, 8 or 16 times"
            " as fine or as coarse. A ViT with patches of 14 can be given patches of 16 in the backbone"
        )
    while finer > 1:
        steps.append(nn.ConvTranspose2d(in_channels, in_channels, 2, 2))
        finer /= 2
        if finer > 1:
            steps += [nn.BatchNorm2d(in_channels), nn.GELU()]
    if coarser > 1:
        steps.append(nn.MaxPool2d(int(coarser), ceil_mode=True))
    if channels is not None:
        steps.append(nn.Conv2d(in_channels, channels, 1))
    return nn.Sequential(*steps)
