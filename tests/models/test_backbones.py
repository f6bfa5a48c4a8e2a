"""The contract of backbones, for whatever is registered, and the numbers of the named variants."""

import math

import pytest
import torch
from torch import nn

from segbox.errors import ConfigError
from segbox.registry import BACKBONES
from tests.tiny import others_are_slow

# One per way to compute; the export of each of the others takes seconds and is a slow test.
EXPORTED = ("ResNet", "MixTransformer", "PoolFormer", "UNetEncoder", "VGG", "VisionTransformer")
CONVOLUTIONAL = ["MobileNetV1", "MobileNetV2", "MobileNetV3", "ResNet", "VGG", "Xception"]


def build(name, variant="test", **arguments):
    return BACKBONES.build({"type": name, "variant": variant, **arguments})


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def maps_of(backbone, images):
    with torch.no_grad():
        return backbone(images)


def sizes(backbone, height, width):
    size = (height, width)
    return [(1, c, *(math.ceil(n / s) for n in size)) for c, s in zip(backbone.channels, backbone.strides)]


def shake(module):
    """Other statistics than those that norms begin with, so that they count."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    return module.eval()


def with_weights_of(theirs, *arguments, **more):
    """Our backbone with torchvision's weights; there are to be no others."""
    with torch.device("meta"):
        ours = build(*arguments, **more)
    ours.load_state_dict({f"features.{name}": value for name, value in theirs.state_dict().items()}, assign=True)
    return ours.eval()


def assert_taps_are(ours, theirs, images):
    """`theirs` is torchvision's sequence of layers, which has a tap at the same places as ours."""
    expected, x = [], images
    with torch.no_grad():
        for i, layer in enumerate(theirs):
            x = layer(x)
            if i in ours.taps:
                expected.append(x.clone())  # the next layer may be an in-place ReLU
    for guess, truth in zip(maps_of(ours, images), expected, strict=True):
        torch.testing.assert_close(guess, truth, rtol=1e-5, atol=1e-5)


# Contracts


@pytest.mark.parametrize("size", [(33, 47), (64, 96)])
@pytest.mark.parametrize("name", list(BACKBONES))
def test_maps_are_as_promised(name, size):
    backbone = build(name).eval()
    maps = maps_of(backbone, torch.randn(1, 3, *size))
    assert [tuple(m.shape) for m in maps] == sizes(backbone, *size)
    assert list(backbone.strides) == sorted(backbone.strides)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_other_channels(name):
    backbone = build(name, in_channels=5).eval()
    assert len(maps_of(backbone, torch.randn(1, 5, 40, 40))) == len(backbone.channels)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_channels_last_is_the_same(name):
    torch.manual_seed(0)
    backbone, images = build(name).eval(), torch.randn(1, 3, 33, 47)
    expected = maps_of(backbone, images)
    maps = maps_of(backbone.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last))
    for guess, truth in zip(maps, expected):
        torch.testing.assert_close(guess, truth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_half_precision_stays_finite(name):
    torch.manual_seed(0)
    backbone = build(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = backbone(torch.randn(2, 3, 64, 64))
        sum(m.float().square().mean() for m in maps).backward()
    assert all(m.isfinite().all() for m in maps)
    assert all(p.grad.isfinite().all() for p in backbone.parameters())


@pytest.mark.parametrize("name", others_are_slow(BACKBONES, EXPORTED))
def test_can_be_exported(name):
    torch.manual_seed(0)
    backbone, images = build(name).eval(), torch.randn(1, 3, 33, 47)
    exported = torch.export.export(backbone, (images,)).module()
    for guess, truth in zip(exported(images), backbone(images), strict=True):
        torch.testing.assert_close(guess, truth)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_an_unknown_variant_is_refused_by_name(name):
    with pytest.raises(ConfigError, match="no such thing"):
        build(name, variant="no such thing")


# Numbers of parameters

STAGES = [
    ("VGG", "16", {}, (38_720, 221_440, 1_475_328, 5_899_776, 7_079_424)),
    ("VGG", "19", {}, (38_720, 221_440, 2_065_408, 8_259_584, 9_439_232)),
    ("MobileNetV1", "1.0", {}, (3_456, 27_200, 103_552, 1_478_912, 1_593_856)),
    ("MobileNetV2", "1.0", {"expands_first": True}, (2_912, 13_968, 39_696, 487_040, 1_681_344)),
    ("ResNet", "34", {}, (9_536, 221_952, 1_116_416, 6_822_400, 13_114_368)),
    ("ResNet", "50", {"stem": "D"}, (28_768, 215_808, 1_219_584, 7_098_368, 14_964_736)),
    ("ResNet", "se34", {}, (9_536, 223_488, 1_124_608, 6_871_552, 13_212_672)),
    ("ResNet", "se50", {"stem": "D"}, (28_768, 240_384, 1_350_656, 7_884_800, 16_537_600)),
    ("Xception", "65", {}, (19_488, 53_696, 205_696, 27_350_864, 10_237_568)),
]


def leaves(node, seen):
    """The parameters that a value was computed from."""
    stack, found = [node], []
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node).__name__ == "AccumulateGrad":  # an end of autograd's graph
            found.append(node.variable)
        stack += [before for before, _ in node.next_functions]
    return found


@pytest.mark.parametrize(("name", "variant", "options", "expected"), STAGES)
def test_parameters_of_the_stages(name, variant, options, expected):
    with torch.device("meta"):
        backbone = build(name, variant, **options)
        maps = backbone(torch.empty(2, 3, 64, 64))
    seen = set()
    assert tuple(sum(p.numel() for p in leaves(m.grad_fn, seen)) for m in maps) == expected
    assert parameters(backbone) == sum(expected)


@pytest.mark.parametrize(
    ("variant", "stem", "expected"),
    [
        ("18", "plain", 11_176_512),
        ("34", "plain", 21_284_672),
        ("50", "plain", 23_508_032),
        ("101", "plain", 42_500_160),
        ("50", "C", 23_527_264),
        ("101", "C", 42_519_392),
        ("152", "C", 58_163_040),
        ("50", "D", 23_527_264),
        ("50", "E", 23_631_808),
        ("50", "S", 23_631_808),
        ("101", "S", 42_623_936),
        ("152", "S", 58_267_584),
        ("se34", "plain", 21_441_856),
        ("se50", "D", 26_042_208),
    ],
)
def test_resnet_parameters(variant, stem, expected):
    with torch.device("meta"):
        assert parameters(build("ResNet", variant, stem=stem)) == expected


def test_mobilenet_v2_options():
    with torch.device("meta"):
        full, short = build("MobileNetV2", "1.0"), build("MobileNetV2", "1.0", has_last_conv=False)
    assert full.channels == (16, 24, 32, 96, 1280)
    assert short.channels == (16, 24, 32, 96, 320)
    assert parameters(full) == 2_223_872
    assert parameters(full) - parameters(short) == 320 * 1280 + 2 * 1280


# Strides


@pytest.mark.parametrize(
    ("output_stride", "strides"), [(32, (2, 4, 8, 16, 32)), (16, (2, 4, 8, 16, 16)), (8, (2, 4, 8, 8, 8))]
)
@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_output_stride(name, output_stride, strides):
    backbone = build(name, output_stride=output_stride).eval()
    assert backbone.strides == strides
    maps = maps_of(backbone, torch.randn(1, 3, 65, 71))
    assert [tuple(m.shape) for m in maps] == sizes(backbone, 65, 71)


@pytest.mark.parametrize("name", ["MobileNetV1", "MobileNetV2", "ResNet", "Xception"])
def test_dilation_fills_in_between(name):
    torch.manual_seed(0)
    coarse = shake(build(name))
    fine = build(name, output_stride=8).eval()
    fine.load_state_dict(coarse.state_dict())
    images = torch.randn(1, 3, 81, 97)
    for guess, truth, step in zip(maps_of(fine, images), maps_of(coarse, images), (1, 1, 1, 2, 4)):
        torch.testing.assert_close(guess[..., ::step, ::step], truth, rtol=1e-4, atol=1e-5)


def test_resnet_dilates_as_the_papers_do():
    with torch.device("meta"):
        backbone = build("ResNet", "50", output_stride=8)
    rates = [[block.conv2.dilation[0] for block in layer] for layer in (backbone.layer3, backbone.layer4)]
    assert rates == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]


@pytest.mark.parametrize(
    ("output_stride", "strides"), [(32, (1, 2, 4, 8, 16)), (16, (1, 2, 4, 8, 16)), (8, (1, 2, 4, 8, 8))]
)
def test_vgg_before_its_pools(output_stride, strides):
    torch.manual_seed(0)
    pooled = build("VGG", output_stride=output_stride).eval()
    backbone = build("VGG", output_stride=output_stride, taps="before_pool").eval()
    backbone.load_state_dict(pooled.state_dict())
    assert backbone.strides == strides
    images = torch.randn(1, 3, 33, 47)
    maps = maps_of(backbone, images)
    assert [tuple(m.shape) for m in maps] == sizes(backbone, 33, 47)
    for before, after in zip(maps[:3], maps_of(pooled, images)):
        assert torch.nn.functional.max_pool2d(before, 2, ceil_mode=True).equal(after)


def test_vgg_dilates_behind_the_pools_that_it_leaves_out():
    backbone = build("VGG", output_stride=8)
    rates = [layer.dilation[0] for layer in backbone.features if isinstance(layer, nn.Conv2d)]
    assert rates == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("VGG", {"output_stride": 4}, "none of 8, 16, 32"),
        ("VGG", {"taps": "behind"}, "pooled, before_pool"),
        ("MobileNetV2", {"dilated": "last"}, "all, first"),
        ("MobileNetV3", {"taps": "second"}, "last, first"),
        ("UNet", {"maps": 6}, "maps=6: U-Net has 5"),
        ("ResNet", {"stem": "F"}, "plain, C, D, E, S"),
        ("Xception", {"output_stride": 64}, "none of 8, 16, 32"),
    ],
)
def test_wrong_arguments_are_refused_with_the_right_ones(name, arguments, allowed):
    with pytest.raises(ConfigError, match=allowed):
        build(name, **arguments)


# The same numbers as torchvision


def test_resnet_is_torchvisions():
    from torchvision.models import resnet50
    from torchvision.models._utils import IntermediateLayerGetter

    torch.manual_seed(0)
    theirs = shake(resnet50(weights=None, replace_stride_with_dilation=[False, True, True]))
    with torch.device("meta"):
        ours = build("ResNet", "50", output_stride=8).eval()
    state = {k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")}
    ours.load_state_dict(state, assign=True)
    images = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        expected = IntermediateLayerGetter(theirs, {"layer2": "2", "layer4": "4"})(images)
        maps = ours(images)
    torch.testing.assert_close(maps[2], expected["2"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(maps[4], expected["4"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("variant", "letter"), [("16", "D"), ("19", "E"), ("16-bn", "D"), ("19-bn", "E")])
def test_vgg_is_torchvisions(variant, letter):
    from torchvision.models import vgg

    torch.manual_seed(0)
    theirs = shake(vgg.make_layers(vgg.cfgs[letter], batch_norm=variant.endswith("bn")))
    assert_taps_are(with_weights_of(theirs, "VGG", variant), theirs, torch.randn(1, 3, 32, 64))


def test_mobilenet_v2_is_torchvisions():
    from torchvision.models import mobilenet_v2

    torch.manual_seed(0)
    theirs = shake(mobilenet_v2(weights=None).features)
    assert_taps_are(with_weights_of(theirs, "MobileNetV2", "1.0"), theirs, torch.randn(1, 3, 49, 65))


@pytest.mark.parametrize("variant", ["0.5", "0.75", "1.4"])
def test_mobilenet_v2_has_torchvisions_widths(variant):
    from torchvision.models import mobilenet_v2

    with torch.device("meta"):
        theirs = mobilenet_v2(weights=None, width_mult=float(variant)).features
        ours = build("MobileNetV2", variant).features
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


@pytest.mark.parametrize("taps", ["last", "first"])
@pytest.mark.parametrize("variant", ["large", "small"])
def test_mobilenet_v3_is_torchvisions(variant, taps):
    from torchvision import models

    torch.manual_seed(0)
    theirs = shake(models.get_model(f"mobilenet_v3_{variant}", weights=None).features)
    ours = with_weights_of(theirs, "MobileNetV3", variant, taps=taps)
    assert_taps_are(ours, theirs, torch.randn(1, 3, 49, 65))


def test_mobilenet_v3_feeds_torchvisions_lraspp():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    torch.manual_seed(0)
    theirs = shake(lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).backbone)
    with torch.device("meta"):
        ours = build("MobileNetV3", "large", output_stride=16, taps="first").eval()
    ours.features.load_state_dict(theirs.state_dict(), assign=True)
    images = torch.randn(1, 3, 65, 81)
    with torch.no_grad():
        expected, maps = theirs(images), ours(images)
    assert ours.strides == (2, 4, 8, 16, 16)
    torch.testing.assert_close(maps[2], expected["low"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(maps[4], expected["high"], rtol=1e-5, atol=1e-5)


# Squeeze and excitation


def test_se_resnet_trains_every_parameter():
    backbone = build("ResNet", "test-se")
    backbone(torch.randn(2, 3, 33, 47))[-1].sum().backward()
    assert not [name for name, p in backbone.named_parameters() if p.grad is None]
    assert all(block.se.fc1.bias is None for block in backbone.layer4)
