"""The quick ways of depthwise convolutions give what the plain one gives."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segbox.models.layers import DepthwiseConv2d

CASES = [  # kernel, stride, dilation, size
    (3, 1, 2, (15, 20)),
    (3, 1, 6, (15, 20)),
    (3, 1, 4, (9, 30)),
    (5, 1, 2, (11, 8)),
    (3, 1, 12, (15, 20)),  # too small for images of every 12th row: the plain way
    (3, 2, 1, (15, 20)),
    (5, 2, 1, (8, 9)),
    (3, 1, 1, (7, 7)),
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("kernel", "stride", "dilation", "size"), CASES)
def test_values_and_gradients_are_those_of_the_plain_convolution(kernel, stride, dilation, size, layout, bias):
    torch.manual_seed(0)
    layer = DepthwiseConv2d(6, kernel, stride, dilation, bias).double()
    x = torch.randn(2, 6, *size, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    sides = [layer(x), F.conv2d(x, layer.weight, layer.bias, stride, layer.padding, dilation, groups=6)]
    gradient = torch.randn_like(sides[1])
    inputs = (x, *layer.parameters())
    for own, plain in zip(*(torch.autograd.grad(side, inputs, gradient) for side in sides), strict=True):
        torch.testing.assert_close(own, plain)
    torch.testing.assert_close(*sides)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (1, 2)])
def test_bfloat16_is_as_exact_as_the_plain_convolution(stride, dilation, layout):
    torch.manual_seed(0)
    layer = DepthwiseConv2d(8, 3, stride, dilation)
    x = torch.randn(2, 8, 16, 20).contiguous(memory_format=layout)
    with torch.autocast("cpu", torch.bfloat16):
        own = layer(x.bfloat16())
        plain = nn.Conv2d.forward(layer, x.bfloat16())
    assert own.dtype == torch.bfloat16
    exact = nn.Conv2d.forward(layer, x)
    assert (own - exact).abs().mean() < 1.5 * (plain - exact).abs().mean()


def test_the_quick_ways_are_for_training_on_a_cpu(monkeypatch):
    taken = []
    monkeypatch.setattr(DepthwiseConv2d, "dilated", lambda self, x: taken.append("dilated"))
    monkeypatch.setattr(DepthwiseConv2d, "with_stride", lambda self, x: taken.append("with_stride"))
    x = torch.zeros(1, 4, 16, 16, dtype=torch.bfloat16)
    dilated, strided = (DepthwiseConv2d(4, dilation=2).bfloat16(), DepthwiseConv2d(4, stride=2).bfloat16())
    dilated(x), strided(x)
    assert taken == ["dilated", "with_stride"]
    with torch.no_grad():
        dilated(x), strided(x)
    dilated.eval()(x), strided.eval()(x)
    strided.float().train()(x.float())
    assert len(taken) == 2
