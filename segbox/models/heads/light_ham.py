"""The head of SegNeXt (https://arxiv.org/abs/2209.08575): a "hamburger" (https://arxiv.org/abs/2109.04553)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbox.arguments import Count, Fraction
from segbox.models.layers.conv_of_resized import conv_of_resized
from segbox.models.layers.full_precision import full_precision
from segbox.registry import HEADS

from .head import DecodeHead

GROUPS = 32  # of the norms
EPS = 1e-6


@HEADS.register
class LightHamHead(DecodeHead):
    """Maps of stride 8 or coarser, joined; their pixels are written as sums of a few parts by matrix factorization.

    In training the factorization begins from random numbers, as published; in evaluation always from the same ones, so
    that an image has one answer. `channels` and `ham_channels` are multiples of 32, for the group norms.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        in_strides: tuple[int, ...],
        num_classes: int,
        channels: Count = 256,
        ham_channels: Count = 256,
        rank: Count = 16,
        train_steps: Count = 6,
        eval_steps: Count = 7,
        dropout: Fraction = 0.1,
    ) -> None:
        super().__init__()
        if channels % GROUPS or ham_channels % GROUPS:
            raise ValueError(f"channels={channels}, ham_channels={ham_channels}: expected multiples of {GROUPS}")
        self.levels = [i for i, stride in enumerate(in_strides) if stride >= 8] or [len(in_strides) - 1]
        self.squeeze = conv_norm(sum(in_channels[i] for i in self.levels), ham_channels)
        self.enter = nn.Conv2d(ham_channels, ham_channels, 1)
        self.factorize = Factorization(ham_channels, rank, train_steps, eval_steps)
        self.leave = conv_norm(ham_channels, ham_channels)
        self.align = conv_norm(ham_channels, channels)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        maps = [features[i] for i in self.levels]
        convolution, norm = self.squeeze
        x = torch.relu(norm(conv_of_resized(convolution, maps, maps[0].shape[-2:], self.align_corners)))
        x = torch.relu(x + self.leave(self.factorize(torch.relu(self.enter(x)))))
        return self.classify(self.dropout(torch.relu(self.align(x))))


def conv_norm(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.GroupNorm(GROUPS, out_channels))


class Factorization(nn.Module):
    """X (C x N, no number negative) as B A: C x R bases, and R x N shares of each pixel, none of them negative.

    Both are improved in turn by the rule of Lee and Seung, which keeps signs, and gradients pass through all steps.
    """

    def __init__(self, channels: int, rank: int, train_steps: int, eval_steps: int) -> None:
        super().__init__()
        self.rank, self.train_steps, self.eval_steps = rank, train_steps, eval_steps
        self.start = torch.from_numpy(np.random.RandomState(0).random_sample((channels, rank)))

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):
            pixels = x.flatten(2).to(torch.promote_types(x.dtype, torch.float))  # B C N
            bases = F.normalize(self.first_bases(pixels), dim=1)  # B C R
            shares = (pixels.mT @ bases).softmax(dim=-1)  # B N R
            for _ in range(self.train_steps if self.training else self.eval_steps):
                shares = improved(shares, pixels.mT, bases)
                bases = improved(bases, pixels, shares)
            shares = improved(shares, pixels.mT, bases)
            return (bases @ shares.mT).to(x.dtype).view_as(x)

    def first_bases(self, pixels: Tensor) -> Tensor:
        if self.training:
            return torch.rand(*pixels.shape[:2], self.rank, device=pixels.device, dtype=pixels.dtype)
        return self.start.to(pixels)[None]


def improved(factor: Tensor, product: Tensor, other: Tensor) -> Tensor:
    """`factor` of factor other^T = product, one step nearer."""
    return factor * (product @ other) / (factor @ (other.mT @ other) + EPS)
