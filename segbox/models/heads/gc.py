"""GCNet's global context (https://arxiv.org/abs/1904.11492)."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.context_convs import ContextConvs
from segbox.registry import HEADS

from .head import DecodeHead
from .ocr import describe_regions


@HEADS.register
class GCHead(DecodeHead):
    """One vector of context, the same for all pixels, is added between two convolutions."""

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        reduction: Count = 4,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        self.convs = ContextConvs(in_channels[-1], channels, GlobalContext(channels, reduction))
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[-1])))


class GlobalContext(nn.Module):
    """Adds to each pixel a mean of all pixels, weighted by a softmax and passed through a bottleneck (0 at first)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.attend = nn.Conv2d(channels, 1, 1)
        last = nn.Conv2d(inner, channels, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.transform = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.LayerNorm((inner, 1, 1)), nn.ReLU(), last)

    def forward(self, x: Tensor) -> Tensor:
        context = describe_regions(x, self.attend(x))  # B C 1 1: all pixels are one region
        return x + self.transform(context)
