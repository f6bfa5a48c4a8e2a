"""The contract of necks, for whatever is registered, and the shipped ones against the same steps done by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from segbox.errors import ConfigError
from segbox.models.segmentors import build_segmentor
from segbox.registry import NECKS
from tests.tiny import random_batch, tiny_model

CHANNELS = (4, 6, 8, 10, 12)
STRIDES = (2, 4, 8, 16, 32)


def build(name, **arguments):
    return NECKS.build({"type": name, **arguments}, in_channels=CHANNELS, in_strides=STRIDES)


def maps_of(height, width, batch=1):
    torch.manual_seed(0)
    return tuple(torch.randn(batch, c, math.ceil(height / s), math.ceil(width / s)) for c, s in zip(CHANNELS, STRIDES))


@pytest.mark.parametrize("name", list(NECKS))
def test_maps_are_as_promised(name):
    neck = build(name, channels=8).eval()
    with torch.no_grad():
        maps = neck(maps_of(64, 96))
    assert [tuple(m.shape) for m in maps] == [(1, c, 64 // s, 96 // s) for c, s in zip(neck.channels, neck.strides)]
    assert list(neck.strides) == sorted(neck.strides)


@pytest.mark.parametrize("name", list(NECKS))
def test_any_size_and_every_parameter_learns(name):
    neck = build(name, channels=8)
    sum(m.square().sum() for m in neck(maps_of(33, 47, batch=2))).backward()
    assert not [n for n, p in neck.named_parameters() if p.grad is None]


def test_parameters():
    with torch.device("meta"):
        jpu = NECKS.build({"type": "JPU"}, in_channels=(512, 1024, 2048), in_strides=(8, 16, 32))
        fpn = NECKS.build({"type": "FPN"}, in_channels=(64, 256, 512, 1024, 2048), in_strides=STRIDES)
    assert sum(p.numel() for p in jpu.parameters()) == 19_735_552
    assert sum(p.numel() for p in fpn.parameters()) == 3_344_384
    assert (jpu.channels, jpu.strides) == ((512, 2048), (8, 8))
    assert (fpn.channels, fpn.strides) == ((256,) * 4, (4, 8, 16, 32))


@pytest.mark.parametrize(("head", "expected"), [("FCNHead", 55_181_546), ("PSPHead", 68_817_130)])
def test_parameters_with_jpu(head, expected):
    config = {
        "type": "EncoderDecoder",
        "backbone": {"type": "ResNet", "variant": "50", "stem": "S"},
        "neck": {"type": "JPU"},
        "decode_head": {"type": head},
        "auxiliary_head": {"type": "FCNHead", "level": -2},
    }
    with torch.device("meta"):
        assert sum(p.numel() for p in build_segmentor(config, 21).parameters()) == expected


def naive_norm(x, norm):
    shape = (1, -1, 1, 1)
    y = (x - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + norm.eps).sqrt()
    return y * norm.weight.view(shape) + norm.bias.view(shape)


def test_jpu_by_hand():
    neck = build("JPU", channels=5).eval()
    maps = maps_of(33, 47)
    with torch.no_grad():
        seen = []
        for conv, x in zip(neck.convs, maps[2:]):
            y = naive_norm(F.conv2d(x, conv.conv.weight, padding=1), conv.norm).clamp(min=0)
            seen.append(F.interpolate(y, maps[2].shape[-2:], mode="bilinear", align_corners=False))
        x = torch.cat([seen[2], seen[1], seen[0]], dim=1)
        branches = []
        for dilation, (wise, point) in zip((1, 2, 4, 8), neck.branches):
            y = F.conv2d(x, wise.conv.weight, padding=dilation, dilation=dilation, groups=15)
            y = naive_norm(y, wise.norm)
            branches.append(naive_norm(F.conv2d(y, point.conv.weight), point.norm).clamp(min=0))
        outputs = neck(maps)
    assert len(outputs) == 4 and all(a is b for a, b in zip(outputs, maps[:3]))
    torch.testing.assert_close(outputs[-1], torch.cat(branches, dim=1))


def test_fpn_by_hand():
    neck = build("FPN", channels=5, levels=(1, 3, -1))
    maps = maps_of(33, 47)
    with torch.no_grad():
        outputs = neck(maps)
        above = None
        for i in (2, 1, 0):
            x = F.conv2d(maps[(1, 3, 4)[i]], neck.laterals[i].weight, neck.laterals[i].bias)
            if above is not None:
                rows = [y * above.shape[2] // x.shape[2] for y in range(x.shape[2])]
                columns = [c * above.shape[3] // x.shape[3] for c in range(x.shape[3])]
                x = x + above[:, :, rows][..., columns]
            above = x
            expected = F.conv2d(x, neck.smooth[i].weight, neck.smooth[i].bias, padding=1)
            torch.testing.assert_close(outputs[i], expected, rtol=1e-5, atol=1e-5)


def test_vit_pyramid_takes_one_map_or_one_per_level():
    one = NECKS.build({"type": "ViTPyramid"}, in_channels=(6,), in_strides=(16,))
    own = NECKS.build({"type": "ViTPyramid", "channels": 3}, in_channels=(6,) * 4, in_strides=(16,) * 4)
    x = torch.randn(2, 6, 3, 5)
    assert [tuple(m.shape[1:]) for m in one((x,))] == [(6, 12, 20), (6, 6, 10), (6, 3, 5), (6, 2, 3)]
    assert own.sources == (0, 1, 2, 3)
    assert [tuple(m.shape[1:]) for m in own((x,) * 4)] == [(3, 12, 20), (3, 6, 10), (3, 3, 5), (3, 2, 3)]


def test_refusals():
    with pytest.raises(ConfigError, match="output_stride at 32"):
        NECKS.build({"type": "JPU"}, in_channels=(8, 8, 8), in_strides=(8, 8, 8))
    with pytest.raises(ConfigError, match="patches of 16"):
        NECKS.build({"type": "ViTPyramid"}, in_channels=(8,), in_strides=(14,))
    with pytest.raises(ConfigError, match=r"some of 0\.\.4"):
        build("FPN", levels=(7,))


@pytest.mark.parametrize("name", list(NECKS))
def test_neck_in_a_model(name):
    model = tiny_model(neck={"type": name, "channels": 8}, auxiliary_head={"type": "FCNHead", "level": -2})
    images, labels = random_batch(2, 33, 47, num_classes=5)
    assert set(model(images, labels)) == {"decode.ce", "aux.ce"}
    assert model.eval()(images).shape == (2, 5, 33, 47)
