"""Semantic FPN, of the Panoptic FPN paper (https://arxiv.org/abs/1901.02446)."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import Resizing
from segbox.registry import HEADS

from .head import DecodeHead, coarse_levels


@HEADS.register
class FPNHead(DecodeHead):
    """Maps of stride 4 or more, upsampled to the finest of them by convolutions and doublings of size, and summed.

    `norm` is "GN" (groups of channels, 32 groups, the paper's) or "BN". The last step goes to the finest map's size;
    with `always_double` it doubles like the others and a resize follows, as in mmsegmentation. The two differ where
    sizes do not halve exactly.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 128,
        norm: str = "GN",
        dropout: Fraction = 0.1,
        always_double: bool = False,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"there is no norm {norm!r}; norms: {', '.join(NORMS)}")
        self.levels = coarse_levels(in_strides)
        finest = in_strides[self.levels[0]]
        self.climbs = nn.ModuleList(
            Climb(in_channels[i], channels, doublings(in_strides[i] // finest), norm, always_double)
            for i in self.levels
        )
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        size = features[self.levels[0]].shape[-2:]
        x = sum(climb(features[i], size) for i, climb in zip(self.levels, self.climbs))
        return self.classify(self.dropout(x))


NORMS = {"GN": lambda channels: nn.GroupNorm(32, channels), "BN": nn.BatchNorm2d}


class Climb(Resizing):
    """3x3, norm, ReLU and a doubling of size, as often as needed; at least one convolution."""

    def __init__(self, in_channels: int, channels: int, num_doublings: int, norm: str, always_double: bool) -> None:
        super().__init__()
        self.num_doublings = num_doublings if always_double else max(0, num_doublings - 1)
        widths = [in_channels, *[channels] * max(1, num_doublings)]
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), NORMS[norm](b), nn.ReLU(inplace=True))
            for a, b in zip(widths, widths[1:])
        )

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        for i, step in enumerate(self.steps):
            x = step(x)
            if i < self.num_doublings:
                x = self.resize(x, (2 * x.shape[-2], 2 * x.shape[-1]))
        return self.resize(x, size)


def doublings(factor: int) -> int:
    return (factor - 1).bit_length()
