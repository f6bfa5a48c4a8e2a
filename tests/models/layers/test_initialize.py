"""How layers begin."""

import pytest
import torch
from torch import nn

from segbox.models.layers import ResidualBlock, initialize
from segbox.registry import BACKBONES


@pytest.mark.parametrize(("method", "deviation"), [("msra", (2 / (9 * 64)) ** 0.5), ("xavier", (2 / (9 * 96)) ** 0.5)])
def test_weights_have_the_deviation_of_the_paper(method, deviation):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64))
    nn.init.ones_(layers[1].bias)
    initialize(layers, method)
    assert layers[0].weight.std().item() == pytest.approx(deviation, rel=0.05)
    assert not layers[0].bias.any()
    assert not layers[1].bias.any()
    assert layers[1].weight.eq(1).all()


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3", "ResNet", "Xception"])
def test_zero_init_residual_closes_every_residual_branch_and_nothing_else(name):
    torch.manual_seed(0)
    backbone = BACKBONES.build({"type": name, "variant": "test"})
    initialize(backbone, zero_init_residual=True)
    closed = [block.last_norm for block in backbone.modules() if isinstance(block, ResidualBlock) and block.last_norm]
    assert closed
    for norm in (m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)):
        assert bool(norm.weight.any()) is not any(norm is other for other in closed)
    assert all(m.any() for m in backbone.eval()(torch.randn(1, 3, 64, 64)))


def test_a_closed_block_passes_its_input_on():
    backbone = BACKBONES.build({"type": "ResNet", "variant": "test"}).eval()
    initialize(backbone, zero_init_residual=True)
    x = torch.rand(1, 256, 4, 4)
    torch.testing.assert_close(backbone.layer4[1](x), x)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="msra, xavier"):
        initialize(nn.Conv2d(1, 1, 1), "he")


def test_weights_without_numbers_draw_none(monkeypatch):
    """On the meta device, PyTorch would take milliseconds a layer for nothing."""
    monkeypatch.setattr(nn.init, "kaiming_normal_", None)
    with torch.device("meta"):
        initialize(nn.Conv2d(3, 4, 3))
    with pytest.raises(TypeError):
        initialize(nn.Conv2d(3, 4, 3))
