"""The contract of backbones, for whatever is registered, and the numbers of the named variants."""

import math

import pytest
import torch

from segbox.registry import BACKBONES


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("size", [(33, 47), (64, 96)])
@pytest.mark.parametrize("name", list(BACKBONES))
def test_maps_are_as_promised(name, size):
    backbone = BACKBONES.build({"type": name, "variant": "test"}).eval()
    with torch.no_grad():
        maps = backbone(torch.randn(1, 3, *size))
    expected = [(1, c, *(math.ceil(n / s) for n in size)) for c, s in zip(backbone.channels, backbone.strides)]
    assert [tuple(m.shape) for m in maps] == expected
    assert list(backbone.strides) == sorted(backbone.strides)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_other_channels(name):
    backbone = BACKBONES.build({"type": name, "variant": "test", "in_channels": 5}).eval()
    with torch.no_grad():
        assert len(backbone(torch.randn(1, 5, 40, 40))) == len(backbone.channels)


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
        ("50", "S", 23_631_808),
        ("101", "S", 42_623_936),
        ("152", "S", 58_267_584),
    ],
)
def test_resnet_parameters(variant, stem, expected):
    with torch.device("meta"):
        assert parameters(BACKBONES.build({"type": "ResNet", "variant": variant, "stem": stem})) == expected


@pytest.mark.parametrize(
    ("output_stride", "strides"), [(32, (2, 4, 8, 16, 32)), (16, (2, 4, 8, 16, 16)), (8, (2, 4, 8, 8, 8))]
)
def test_resnet_output_stride(output_stride, strides):
    backbone = BACKBONES.build({"type": "ResNet", "variant": "test", "output_stride": output_stride}).eval()
    assert backbone.strides == strides
    with torch.no_grad():
        assert [m.shape[-1] for m in backbone(torch.randn(1, 3, 65, 65))] == [math.ceil(65 / s) for s in strides]


def test_resnet_dilates_as_the_papers_do():
    backbone = BACKBONES.build({"type": "ResNet", "variant": "50", "output_stride": 8})
    rates = [[block.conv2.dilation[0] for block in layer] for layer in (backbone.layer3, backbone.layer4)]
    assert rates == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]


def test_resnet_is_torchvisions():
    from torchvision.models import resnet50
    from torchvision.models._utils import IntermediateLayerGetter

    torch.manual_seed(0)
    theirs = resnet50(weights=None, replace_stride_with_dilation=[False, True, True]).eval()
    ours = BACKBONES.build({"type": "ResNet", "variant": "50", "output_stride": 8}).eval()
    state = {k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")}
    ours.load_state_dict(state)
    images = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        expected = IntermediateLayerGetter(theirs, {"layer2": "2", "layer4": "4"})(images)
        maps = ours(images)
    torch.testing.assert_close(maps[2], expected["2"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(maps[4], expected["4"], rtol=1e-5, atol=1e-5)
