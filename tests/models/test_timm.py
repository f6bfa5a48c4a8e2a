"""timm's networks behind the contract of backbones. No weights are fetched; without timm these tests are skipped."""

import math
import sys

import pytest
import torch

from segbox.errors import ConfigError, UserError
from segbox.models.backbones import timm as ours
from segbox.models.segmentors import build_segmentor
from segbox.registry import BACKBONES
from tests.tiny import random_batch

FIVE, FOUR = (2, 4, 8, 16, 32), (4, 8, 16, 32)


def build(name=None, **arguments):
    pytest.importorskip("timm")
    return BACKBONES.build({"type": "Timm", "name": name, **arguments}).eval()


@pytest.mark.parametrize(
    ("name", "strides", "arguments"),
    [
        ("test_resnet", FIVE, {}),
        ("test_resnet", (2, 4, 8, 8, 8), {"output_stride": 8}),
        ("test_convnext", FOUR, {}),
        ("test_efficientnet", (2, 4, 8, 16, 16), {"output_stride": 16}),
        ("mobilenetv3_small_050", FIVE, {}),
        ("swin_tiny_patch4_window7_224", FOUR, {"model_arguments": {"embed_dim": 12, "depths": (1, 1, 1, 1)}}),
        ("test_vit", (16,), {}),
        ("test_vit", (16, 16), {"out_indices": (1, -1)}),
        ("vit_small_patch14_dinov2", (14,), {"model_arguments": {"embed_dim": 24, "depth": 2, "img_size": 56}}),
        ("vit_small_patch14_dinov2", (16,), {"model_arguments": {"embed_dim": 24, "depth": 2, "patch_size": 16}}),
        ("vit_small_patch16_dinov3", (16,), {"model_arguments": {"embed_dim": 24, "depth": 2, "num_heads": 2}}),
    ],
)
def test_maps_are_as_promised(name, strides, arguments):
    backbone = build(name, in_channels=4, **arguments)
    assert backbone.strides == strides
    for height, width in ((33, 47), (64, 70)):
        with torch.no_grad():
            maps = backbone(torch.randn(1, 4, height, width))
        expected = [(1, c, math.ceil(height / s), math.ceil(width / s)) for c, s in zip(backbone.channels, strides)]
        assert [tuple(m.shape) for m in maps] == expected


def test_whole_patches_are_timms_own_maps():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("test_convnext", features_only=True).eval()
    ours = build("test_convnext")
    ours.network.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for a, b in zip(ours(images), theirs(images), strict=True):
            torch.testing.assert_close(a, b)


def test_a_plain_vit_gives_its_normed_tokens():
    backbone = build("test_vit")
    images = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        tokens = backbone.network.model.forward_features(images)
        expected = tokens[:, -100:].transpose(1, 2).unflatten(2, (10, 10))
        torch.testing.assert_close(backbone(images)[0], expected)


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_every_parameter_learns(name):
    pytest.importorskip("timm")
    parts = {"backbone": {"type": "Timm", "name": name}, "decode_head": {"type": "FCNHead"}}
    model = build_segmentor({"type": "EncoderDecoder", **parts}, num_classes=5)
    images, labels = random_batch(2, 33, 47, num_classes=5)
    sum(model(images, labels).values()).backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet17"}, 'Did you mean "resnet18"'),
        ({}, "say which network"),
        ({"name": "test_resnet", "variant": "test_vit"}, "once"),
        ({"name": "test_vit", "output_stride": 8}, "timm cannot build test_vit"),
        ({"name": "test_vit", "out_indices": (9,)}, r"some of 0\.\.5"),
        ({"name": "test_resnet", "model_arguments": {"colour": 1}}, "colour"),
    ],
)
def test_refusals(arguments, message):
    pytest.importorskip("timm")
    with pytest.raises(ConfigError, match=message):
        BACKBONES.build({"type": "Timm", **arguments})


def test_test_goes_before_the_name():
    assert build("convnext_tiny", variant="test").strides == FIVE


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r'pip install "segbox\[timm\]"'):
        BACKBONES.build({"type": "Timm", "name": "test_resnet"})


def test_weights_that_cannot_be_reached(monkeypatch):
    timm = pytest.importorskip("timm")

    def offline(name, pretrained=False, **arguments):
        if pretrained:
            raise OSError("no route to host\nmore")
        return create_model(name, **arguments)

    create_model = timm.create_model
    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match=r"cannot reach them: no route to host\. With pretrained=False"):
        ours.Timm("test_resnet", pretrained=True)


def test_registering_does_not_import_timm():
    assert not hasattr(ours, "timm")  # it is imported where it is used
