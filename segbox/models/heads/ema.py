"""EMANet's expectation-maximization attention (https://arxiv.org/abs/1907.13426)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox import distributed
from segbox.arguments import Count, Fraction
from segbox.models.layers import ConvNormAct
from segbox.models.layers.context_convs import ContextConvs
from segbox.models.layers.full_precision import full_precision
from segbox.registry import HEADS

from .head import DecodeHead


@HEADS.register
class EMAHead(DecodeHead):
    """Pixels are written as mixtures of a few bases, which each image finds anew by expectation and maximization.

    `iterations` of it begin at bases that are a moving average over training steps. `attention_channels` is the width
    in which this happens, `channels` that of the classifier.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        attention_channels: Count = 512,
        num_bases: Count = 64,
        iterations: Count = 3,
        momentum: Fraction = 0.1,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        attention = MixtureAttention(attention_channels, num_bases, iterations, momentum)
        self.convs = ContextConvs(in_channels[-1], channels, attention, inner=attention_channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return self.classify(self.dropout(self.convs(features[-1])))


class MixtureAttention(nn.Module):
    """Adds to each pixel its mixture of bases, then a ReLU.

    No gradient passes through the mixture, so `embed` keeps its first weights: it only lets maps behind a ReLU have
    negative numbers.
    """

    def __init__(self, channels: int, num_bases: int, iterations: int, momentum: float) -> None:
        super().__init__()
        self.iterations = iterations
        self.momentum = momentum
        self.embed = nn.Conv2d(channels, channels, 1).requires_grad_(False)
        self.register_buffer("bases", F.normalize(torch.randn(1, channels, num_bases), dim=1))
        self.project = ConvNormAct(channels, channels, act=None)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            mixtures, bases = self.mix(self.embed(x))
            if self.training:
                self.follow(bases)
        return torch.relu(x + self.project(torch.relu(mixtures)))

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map as mixtures of bases, and the bases (B C K)."""
        with full_precision(x):
            pixels = x.flatten(2).to(torch.promote_types(x.dtype, torch.float))  # B C N
            bases = self.bases.to(pixels.dtype)
            for _ in range(self.iterations):
                shares = torch.softmax(pixels.mT @ bases, dim=-1)  # B N K: how much of each basis a pixel has
                means = pixels @ F.normalize(shares, p=1.0, dim=1)  # B C K; sums of small shares would be lost in eps
                bases = F.normalize(means, dim=1)
            mixtures = bases @ shares.mT
        return mixtures.to(x.dtype).unflatten(2, x.shape[-2:]), bases

    def follow(self, bases: Tensor) -> None:
        """Move the first bases towards the mean over the images of all processes."""
        mean = distributed.mean(bases.mean(dim=0, keepdim=True))
        self.bases.lerp_(F.normalize(mean, dim=1).to(self.bases.dtype), self.momentum)
