"""Disentangled non-local networks (https://arxiv.org/abs/2006.06668) as a head."""

from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.context_convs import ContextConvs
from segbox.models.layers.pixel_attention import pixel_attention
from segbox.registry import HEADS

from .head import DecodeHead
from .non_local import near_zero, starting_at_zero
from .ocr import describe_regions


@HEADS.register
class DNLHead(DecodeHead):
    """A non-local head whose attention is divided in two: which pixels are alike, and which matter to all.

    A small `temperature` lets few pixels have all the weight. `use_scale` also divides by the root of the keys'
    channels.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 512,
        reduction: Count = 2,
        temperature: float = 0.05,
        use_scale: bool = True,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature {temperature!r}: expected a number above 0")
        block = DisentangledNonLocal(channels, reduction, temperature, use_scale)
        self.convs = ContextConvs(in_channels[-1], channels, block)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[-1])))


class DisentangledNonLocal(nn.Module):
    """Adds to each pixel what it gathers from pixels like it, and what all gather (both 0 at first).

    Queries and keys have their means over the pixels subtracted: what is left says nothing of a pixel alone.
    """

    def __init__(self, channels: int, reduction: int, temperature: float, use_scale: bool) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.query, self.key, self.value = (near_zero(nn.Conv2d(channels, inner, 1)) for _ in range(3))
        self.attend = nn.Conv2d(channels, 1, 1)
        self.project = starting_at_zero(ConvNormAct(inner, channels, act=None))
        self.scale = (inner**-0.5 if use_scale else 1.0) / temperature

    def forward(self, x: Tensor) -> Tensor:
        value = self.value(x)
        pairwise = pixel_attention(centred(self.query(x)), centred(self.key(x)), value, self.scale)
        unary = describe_regions(value, self.attend(x))  # B C 1 1
        return x + self.project(pairwise + unary)


def centred(x: Tensor) -> Tensor:
    return x - x.mean((2, 3), keepdim=True)
