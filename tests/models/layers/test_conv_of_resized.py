"""A convolution of resized maps gives what resizing, concatenating and convolving give."""

import pytest
import torch
from torch import nn

from segbox.models.layers import resize
from segbox.models.layers.conv_of_resized import conv_of_resized, pays

SIZE = (12, 17)
# kernel, dilation, (channels, height, width) of the maps
CASES = [
    (1, 1, [(4, 12, 17), (6, 5, 8), (3, 1, 1)]),
    (1, 1, [(6, 6, 9)]),
    (3, 1, [(30, 2, 3), (4, 12, 17), (40, 1, 1), (5, 30, 40)]),
    (3, 3, [(40, 3, 4), (40, 2, 2)]),
    (5, 1, [(60, 3, 2), (4, 12, 17)]),
]


def plain(conv, maps, align_corners):
    return conv(torch.cat([resize(x, SIZE, align_corners) for x in maps], dim=1))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize(("kernel", "dilation", "shapes"), CASES)
def test_values_and_gradients_are_those_of_the_plain_way(kernel, dilation, shapes, layout, align_corners):
    torch.manual_seed(0)
    reach = dilation * (kernel // 2)
    conv = nn.Conv2d(sum(c for c, _, _ in shapes), 7, kernel, padding=reach, dilation=dilation).double()
    maps = [torch.randn(2, *shape).double().contiguous(memory_format=layout).requires_grad_() for shape in shapes]
    assert any(pays(conv, x, SIZE) for x in maps)
    sides = [conv_of_resized(conv, maps, SIZE, align_corners), plain(conv, maps, align_corners)]
    gradient = torch.randn_like(sides[1])
    gradients = (torch.autograd.grad(side, (*maps, *conv.parameters()), gradient) for side in sides)
    for own, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(own, expected)
    torch.testing.assert_close(*sides)


@pytest.mark.parametrize("kernel", [1, 3])
def test_float32_is_exact_up_to_rounding(kernel):
    torch.manual_seed(0)
    conv = nn.Conv2d(96, 16, kernel, padding=kernel // 2)
    maps = [torch.randn(2, 32, *size) for size in (SIZE, (3, 4), (1, 1))]
    own, expected = conv_of_resized(conv, maps, SIZE), plain(conv, maps, False)
    assert (own - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("kernel", [1, 3])
def test_bfloat16_is_as_exact_as_the_plain_way(kernel):
    torch.manual_seed(0)
    conv = nn.Conv2d(96, 16, kernel, padding=kernel // 2)
    maps = [torch.randn(2, 32, *size) for size in (SIZE, (3, 4), (1, 1))]
    exact = plain(conv, maps, False)
    with torch.autocast("cpu", torch.bfloat16):
        half = [x.bfloat16() for x in maps]
        own, expected = conv_of_resized(conv, half, SIZE), plain(conv, half, False)
    assert own.dtype == torch.bfloat16
    assert (own - exact).abs().mean() < 1.5 * (expected - exact).abs().mean()


def test_the_layout_is_that_of_the_maps():
    conv = nn.Conv2d(64, 16, 3, padding=1)
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.zeros(2, 64, 2, 3).contiguous(memory_format=layout)
        assert conv_of_resized(conv, [x], SIZE).is_contiguous(memory_format=layout)


@pytest.mark.parametrize(
    ("conv", "size"),
    [
        (nn.Conv2d(64, 8, 3, padding=1), (8, 12)),  # hardly smaller
        (nn.Conv2d(64, 8, 3, padding=0), (2, 3)),  # a convolution that changes the size
        (nn.Conv2d(64, 8, 3, padding=1, stride=2), (2, 3)),
        (nn.Conv2d(64, 8, 3, padding=1, groups=8), (2, 3)),
        (nn.Conv2d(64, 8, 1, stride=2), (2, 3)),
        (nn.Conv2d(64, 8, 1), (24, 34)),  # larger
    ],
)
def test_where_it_does_not_pay_the_way_is_the_plain_one(conv, size):
    torch.manual_seed(0)
    x = torch.randn(1, 64, *size)
    assert not pays(conv, x, SIZE)
    assert torch.equal(conv_of_resized(conv, [x], SIZE), plain(conv, [x], False))


def test_compiled_graphs_and_counted_costs_have_the_plain_way(monkeypatch):
    monkeypatch.setattr("segbox.models.layers.conv_of_resized.early_conv", None)
    conv = nn.Conv2d(6, 4, 1)
    maps = [torch.zeros(1, 3, *SIZE), torch.zeros(1, 3, 2, 2)]
    with pytest.raises(TypeError):
        conv_of_resized(conv, maps, SIZE)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert conv_of_resized(conv, maps, SIZE).shape == (1, 4, *SIZE)
    monkeypatch.undo()
    assert conv_of_resized(conv.to("meta"), [x.to("meta") for x in maps], SIZE).shape == (1, 4, *SIZE)
