"""ResNeSt's tiny variant, written once more: a function of weights and images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.naive_backbones import shortcut
from tests.models.naive_layers import Weights, conv, mean_of, norm


def resnest(w: Weights, x: Tensor, dilations: tuple[int, ...] = (1, 1, 1, 1)) -> list[Tensor]:
    for i in range(3):
        x = norm(w, f"stem.{3 * i + 1}", conv(w, f"stem.{3 * i}", x, stride=2 if i == 0 else 1, padding=1)).clamp(min=0)
    maps = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    before = 1
    for i, dilation in enumerate(dilations):
        for j in range(2 if i == 3 else 1):
            stride = 2 if i > 0 and j == 0 and dilation == 1 else 1
            x = block(w.below(f"layer{i + 1}", j), x, stride, before if j == 0 else dilation)
        before = dilation
        maps.append(x)
    return maps


def block(w: Weights, x: Tensor, stride: int, rate: int) -> Tensor:
    y = norm(w, "bn1", conv(w, "conv1", x)).clamp(min=0)
    y = attended(w.below("conv2"), y, rate)
    if stride == 2:  # windows of 3 x 3, zeros outside counted
        y = F.pad(y, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2).mean((4, 5))
    y = norm(w, "bn3", conv(w, "conv3", y))
    return (y + shortcut(w, x, stride, True)).clamp(min=0)


def attended(w: Weights, x: Tensor, rate: int) -> Tensor:
    """Each half of the channels by its own convolution."""
    weights = w["conv.weight"].chunk(2)
    halves = [F.conv2d(own, weight, padding=rate, dilation=rate) for own, weight in zip(x.chunk(2, dim=1), weights)]
    first, second = norm(w, "bn0", torch.cat(halves, dim=1)).clamp(min=0).chunk(2, dim=1)
    scores = conv(w, "fc2", norm(w, "bn1", conv(w, "fc1", mean_of(first + second))).clamp(min=0))
    ours, theirs = scores.chunk(2, dim=1)
    share = 1 / (1 + (theirs - ours).exp())
    return share * first + (1 - share) * second
