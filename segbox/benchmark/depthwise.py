"""`segbox bench depthwise`: a 3x3 depthwise convolution with its gradient, in bfloat16, channels last."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from segbox.benchmark.measure import FLOOR, OURS, Case, local
from segbox.models.layers import DepthwiseConv2d

BFLOAT16_ROUNDS = 0.02


def depthwise_cases(
    channels: Sequence[int], size: tuple[int, int], batch: int, stride: int, dilation: int, device: str = "cpu"
) -> Iterator[Case]:
    """The forward of nn.Conv2d and that of DepthwiseConv2d, with the same weights."""
    for count in channels:
        yield depthwise_case(count, size, batch, stride, dilation, device)


def depthwise_case(channels: int, size: tuple[int, int], batch: int, stride: int, dilation: int, device: str) -> Case:
    torch.manual_seed(0)
    layer = DepthwiseConv2d(channels, 3, stride, dilation).to(device, torch.bfloat16)
    x = torch.randn(batch, channels, *size, device=device, dtype=torch.bfloat16)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    sides = [
        local(OURS, lambda: gradients(DepthwiseConv2d.forward, layer, x), device=device),
        local(FLOOR, lambda: gradients(nn.Conv2d.forward, layer, x), device=device),
    ]
    name = f"{channels} channels, {batch} x {size[0]} x {size[1]}, stride {stride}, dilation {dilation}"
    return Case(name, sides, tolerance=BFLOAT16_ROUNDS)


def gradients(forward: Any, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = forward(layer, x)
    found = torch.autograd.grad(y, (x, layer.weight), torch.ones_like(y))
    return torch.cat([gradient.float().flatten() for gradient in found])
