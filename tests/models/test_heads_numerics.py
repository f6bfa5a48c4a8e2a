"""Heads against independent sources: torchvision's models, dense kernels, PyTorch's own operators."""

import re

import pytest
import torch
import torch.nn.functional as F

from segbox.errors import ConfigError
from segbox.models.heads.fcn_long import bilinear_deconvolution
from segbox.models.heads.gcn import GlobalConvolution, deconvolution
from segbox.models.heads.lraspp_decoder import averages
from segbox.models.heads.refinenet import ChainedPooling
from segbox.models.heads.segnet import unpool
from segbox.models.layers.aspp import ASPP
from segbox.models.segmentors import build_segmentor
from segbox.registry import HEADS
from tests.tiny import random_batch

FCN_NAMES = {"0": "convs.0.conv", "1": "convs.0.norm", "4": "classify"}
DEEPLAB_NAMES = {
    "0.convs.0.0": "pyramid.point.conv",
    "0.convs.0.1": "pyramid.point.norm",
    **{f"0.convs.{i + 1}.0": f"pyramid.atrous.{i}.conv" for i in range(3)},
    **{f"0.convs.{i + 1}.1": f"pyramid.atrous.{i}.norm" for i in range(3)},
    "0.convs.4.1": "pyramid.image.1.conv",
    "0.convs.4.2": "pyramid.image.1.norm",
    "0.project.0": "pyramid.project.conv",
    "0.project.1": "pyramid.project.norm",
    "1": "fuse.conv",
    "2": "fuse.norm",
    "4": "classify",
}


@pytest.mark.parametrize(
    ("theirs", "head", "names"),
    [("fcn_resnet50", "FCNHead", FCN_NAMES), ("deeplabv3_resnet50", "DeepLabV3Head", DEEPLAB_NAMES)],
)
@torch.no_grad()
def test_torchvision_agrees(theirs, head, names):
    from torchvision.models import segmentation

    torch.manual_seed(0)
    theirs = getattr(segmentation, theirs)(weights=None, weights_backbone=None, num_classes=21).eval()
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.1, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    config = {
        "type": "EncoderDecoder",
        "backbone": {"type": "ResNet", "variant": "50", "output_stride": 8},
        "decode_head": {"type": head},
    }
    ours = build_segmentor(config, num_classes=21).eval()
    state = {ours_for(key, names): value for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state | {"mean": ours.mean, "std": ours.std})

    images = random_batch(1, 33, 47, num_classes=21)[0]
    expected = theirs((images - ours.mean) / ours.std)["out"]
    torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4)


def ours_for(key, names):
    if not key.startswith("classifier."):
        return key
    layer, parameter = re.fullmatch(r"classifier\.(.+)\.(\w+)", key).groups()
    return f"decode_head.{names[layer]}.{parameter}"


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
@torch.no_grad()
def test_deconvolution_begins_as_bilinear(factor):
    x = torch.randn(1, 3, 5, 6)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    up = bilinear_deconvolution(3, factor)(x)
    assert up.shape == expected.shape
    inside = (..., slice(factor, -factor), slice(factor, -factor))  # outside of the map lie zeros, not its border
    torch.testing.assert_close(up[inside], expected[inside])


@torch.no_grad()
def test_deconvolution_begins_as_repetition():
    x = torch.randn(1, 3, 5, 6)
    torch.testing.assert_close(deconvolution(3, 2)(x), F.interpolate(x, scale_factor=2, mode="nearest"))


@torch.no_grad()
def test_global_convolution_is_a_large_dense_kernel():
    torch.manual_seed(0)
    layer = GlobalConvolution(4, 3, kernel=5).double()
    x = torch.randn(2, 4, 9, 7, dtype=torch.double)
    dense = torch.zeros(3, 4, 5, 5, dtype=torch.double)
    for first, second in (layer.column_row, layer.row_column):
        for y in range(5):
            for column in range(5):
                a = first.weight[..., y, 0] if first.kernel_size == (5, 1) else first.weight[..., 0, column]
                b = second.weight[..., y, 0] if second.kernel_size == (5, 1) else second.weight[..., 0, column]
                dense[:, :, y, column] += b @ a
    torch.testing.assert_close(layer(x), F.conv2d(x, dense, padding=2))


@pytest.mark.parametrize("size", [(6, 8), (7, 9)])
def test_unpool_is_pytorchs(size):
    x = torch.randn(2, 3, *size)
    pooled, places = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    torch.testing.assert_close(unpool(pooled, places, size), F.max_unpool2d(pooled, places, 2, output_size=size))


@torch.no_grad()
def test_segnet_needs_only_the_places_of_the_finer_maps():
    torch.manual_seed(0)
    head = HEADS.build({"type": "SegNetHead"}, in_channels=(4, 8), in_strides=(1, 2), num_classes=5).eval()
    fine, coarse = torch.rand(1, 4, 9, 7), torch.rand(1, 8, 5, 4)
    expected = head((fine, coarse))
    torch.testing.assert_close(head((3 * fine + 1, coarse)), expected)
    assert not torch.allclose(head((fine.flip(-1), coarse)), expected)


@torch.no_grad()
def test_chained_pooling_by_hand():
    torch.manual_seed(0)
    layer = ChainedPooling(2, num_pools=2)
    for conv in layer.convs:  # each convolution doubles, so that the maxima can be worked out
        conv.weight.zero_()
        conv.weight[range(2), range(2), 1, 1] = 2
    x = torch.randn(1, 2, 8, 9)
    expected = torch.empty_like(x)
    for c in range(2):
        for y in range(8):
            for column in range(9):
                near = x[0, c, max(0, y - 2) : y + 3, max(0, column - 2) : column + 3].max().clamp(min=0)
                far = x[0, c, max(0, y - 4) : y + 5, max(0, column - 4) : column + 5].max().clamp(min=0)
                expected[0, c, y, column] = x[0, c, y, column].clamp(min=0) + 2 * near + 4 * far
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("head", "wide"), [("DeepLabV3Head", 16), ("DeepLabV3PlusHead", 16)])
@pytest.mark.parametrize(("stride", "rates"), [(8, [12, 24, 36]), (16, [6, 12, 18]), (32, [3, 6, 9])])
def test_atrous_rates_follow_the_stride(head, wide, stride, rates):
    head = HEADS.build({"type": head, "channels": wide}, in_channels=(8, 8), in_strides=(4, stride), num_classes=5)
    assert [layer.conv.dilation[0] for layer in head.pyramid.atrous] == rates


def test_deep_supervision_is_the_mean():
    torch.manual_seed(0)
    head = HEADS.build(
        {"type": "UNetPlusPlusHead", "channels": (4, 8)}, in_channels=(4, 8, 8), in_strides=(1, 2, 4), num_classes=5
    ).eval()
    features = torch.rand(1, 4, 9, 7), torch.rand(1, 8, 5, 4), torch.rand(1, 8, 3, 2)
    labels = torch.randint(0, 5, (1, 9, 7))
    losses = head.loss(features, labels, lambda logits, labels: {"ce": F.cross_entropy(logits, labels)})
    outputs = head.outputs(features)
    assert list(losses) == ["deep0.ce", "deep1.ce"]
    expected = torch.stack([F.cross_entropy(logits, labels) for logits in outputs]).mean()
    torch.testing.assert_close(sum(losses.values()), expected)
    torch.testing.assert_close(head(features), (outputs[0] + outputs[1]) / 2)


@torch.no_grad()
def test_linknet_adds_what_the_first_stage_began_with():
    torch.manual_seed(0)
    config = {
        "type": "EncoderDecoder",
        "backbone": {"type": "ResNet", "variant": "test"},
        "decode_head": {"type": "LinkNetHead"},
    }
    model = build_segmentor(config, num_classes=5).eval()
    began, ended = [], []
    model.backbone.layer1.register_forward_pre_hook(lambda _, inputs: began.append(inputs[0]))
    model.decode_head.decoders[-1].register_forward_hook(lambda _, inputs, output: ended.append(output))
    model.decode_head.finish.register_forward_pre_hook(lambda _, inputs: ended.append(inputs[0]))
    model(random_batch(1, 64, 96, num_classes=5)[0])
    torch.testing.assert_close(ended[1], ended[0] + began[0])


@pytest.mark.parametrize("name", ["FCNHead", "PSPHead", "DeepLabV3Head"])
@torch.no_grad()
def test_heads_of_one_map_read_the_level_that_they_are_told(name):
    torch.manual_seed(0)
    channels, strides = (4, 8, 12), (4, 8, 16)
    maps = [torch.randn(1, c, -(-70 // s), -(-101 // s)) for c, s in zip(channels, strides)]
    several = HEADS.build({"type": name, "level": 1}, in_channels=channels, in_strides=strides, num_classes=5).eval()
    alone = HEADS.build({"type": name}, in_channels=(8,), in_strides=(8,), num_classes=5).eval()
    alone.load_state_dict(several.state_dict())
    torch.testing.assert_close(several(maps), alone(maps[1:2]))
    with pytest.raises(ConfigError, match="level=3: there are 3 maps, the last is -1"):
        HEADS.build({"type": name, "level": 3}, in_channels=channels, in_strides=strides, num_classes=5)


@torch.no_grad()
def test_lraspp_decoder_averages_over_windows():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 70, 93)
    means = [[x[:, :, i : i + 49, j : j + 49].mean((2, 3)) for j in (0, 20, 40)] for i in (0, 16)]
    expected = torch.stack([torch.stack(row, dim=-1) for row in means], dim=-2)
    torch.testing.assert_close(averages(x), expected)
    torch.testing.assert_close(averages(x[:, :, :20, :30]), x[:, :, :20, :30].mean((2, 3), keepdim=True))


@pytest.mark.parametrize("name", ["DeepLabV3Head", "DeepLabV3PlusHead", "SMPDeepLabV3PlusHead"])
def test_a_pyramid_without_dilated_branches_is_not_one_with_the_default_rates(name):
    """As DeepLabV3 for MobileNetV2 has it."""
    config = {"type": name, "channels": 8, "rates": ()}
    head = HEADS.build(config, "head", in_channels=(8, 8), in_strides=(4, 16), num_classes=2)
    (pyramid,) = (layer for layer in head.modules() if isinstance(layer, ASPP))
    assert len(pyramid.atrous) == 0 and pyramid.project.conv.in_channels == 2 * 8
