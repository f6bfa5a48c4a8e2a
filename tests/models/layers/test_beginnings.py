"""The scale of the weights that layers begin with, which no output on fixed weights shows."""

import pytest
import torch
from torch import nn

from segbox.models.heads.ocnet import biased_conv
from segbox.models.heads.plain_unet import BilinearUp
from segbox.models.layers import ConvNormAct
from segbox.models.layers.conv_stack import conv_stack
from segbox.models.layers.up_conv import up_conv
from segbox.registry import BACKBONES, HEADS, NECKS


def built(registry, **config):
    """Without the number of classes for necks, which know of none."""
    more = {} if registry is NECKS else {"num_classes": 50}
    return lambda: registry.build(config, in_channels=(64,) * 3, in_strides=(8, 16, 32), **more)


def mix(name):
    """A layer of the second block of a MixTransformer."""

    def build():
        network = BACKBONES.build({"type": "MixTransformer", "variant": "b0"})
        return network.stages[0].blocks[1].get_submodule(name)

    return build


@pytest.mark.parametrize(
    ("build", "deviation"),
    [
        (lambda: ConvNormAct(32, 64, 3).conv, (2 / (9 * 64)) ** 0.5),  # He, by fan-out
        (lambda: biased_conv(32, 64, 3)[0], (2 / (9 * 64)) ** 0.5),
        (lambda: conv_stack(32, 64)[0], (2 / (9 * 32)) ** 0.5),  # He, by fan-in
        (lambda: BilinearUp(32, 64, 2).conv, (2 / (4 * 32)) ** 0.5),
        (lambda: up_conv(32, 64, 2), 32**-0.5),
        (lambda: built(HEADS, type="LinearHead")().classify, 0.01),
        (lambda: built(NECKS, type="FPN", channels=128)().laterals[0], (2 / (64 + 128)) ** 0.5),  # Glorot
        (mix("attention.query"), 0.02),
        (mix("mlp.expand"), 0.02),
        (mix("attention.reduce"), (2 / (64 * 32)) ** 0.5),
        (lambda: BACKBONES.build({"type": "MixTransformer"}).stages[1].embed.project, (2 / (9 * 64)) ** 0.5),
        (mix("mlp.depthwise"), (2 / 9) ** 0.5),
    ],
)
def test_weights_begin_with_this_deviation(build, deviation):
    torch.manual_seed(0)
    layer = build()
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.1)
    assert layer.weight.mean().abs() < 0.2 * deviation


def test_codewords_and_scales_begin_within_the_papers_bounds():
    torch.manual_seed(0)
    encoding = built(HEADS, type="EncNetHead", channels=128, num_codewords=32)().encode[1]
    bound = (32 * 128) ** -0.5
    assert 0.95 * bound < encoding.codewords.abs().max() <= bound
    assert -1 <= encoding.scales.min() < -0.8 and -0.2 < encoding.scales.max() <= 0


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "Timm"])
def test_norms_forget_as_the_papers_say(name):
    norms = [m for m in BACKBONES.build({"type": name, "variant": "test"}).modules() if isinstance(m, nn.BatchNorm2d)]
    known = {"MobileNetV3": (1e-3, 0.01), "Xception": (1e-3, 0.1)}  # Xception: that of its public weights
    known |= dict.fromkeys(("CGNet", "ERFNet"), (1e-3, 0.1))
    assert {(norm.eps, norm.momentum) for norm in norms} <= {known.get(name, (1e-5, 0.1))}
