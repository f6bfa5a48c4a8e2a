"""HRNet against timm's, which is the classification network of the same authors, and its two ways of resizing."""

import pytest
import torch
import torch.nn.functional as F

from segbox.models.layers import set_align_corners
from segbox.registry import BACKBONES
from tests.models.fixed import fill, normal

OF_CLASSIFICATION = {"incre_modules", "downsamp_modules", "final_layer", "classifier"}
INTERPOLATE = F.interpolate


def build(variant="test", **arguments):
    return BACKBONES.build({"type": "HRNet", "variant": variant, **arguments})


@pytest.mark.parametrize(
    ("variant", "expected"), [("18-small", 3_860_720), ("18", 9_562_260), ("32", 29_305_536), ("48", 65_325_120)]
)
def test_parameters(variant, expected):
    """Those of timm's hrnet_w18_small_v2, w18, w32 and w48 before their classifiers."""
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in build(variant).parameters()) == expected


@torch.no_grad()
def test_timm_agrees_if_maps_are_resized_to_nearest_neighbours(monkeypatch):
    timm = pytest.importorskip("timm")
    theirs = fill(timm.create_model("hrnet_w18_small_v2"))
    with torch.device("meta"):
        ours = build("18-small", concat=False)
    own, state = ours.state_dict(), theirs.state_dict()
    assert {name.split(".")[0] for name in state.keys() - own.keys()} == OF_CLASSIFICATION
    ours.load_state_dict({name: state[name] for name in own}, assign=True)
    images = normal("images", (1, 3, 32, 64))
    expected = theirs.stages(theirs.act2(theirs.bn2(theirs.conv2(theirs.act1(theirs.bn1(theirs.conv1(images)))))))

    def nearest(x, size, mode, align_corners):
        return INTERPOLATE(x, size, mode="nearest")

    monkeypatch.setattr(F, "interpolate", nearest)
    torch.testing.assert_close(list(ours.eval()(images)), expected)


@torch.no_grad()
def test_resizing_by_a_factor_differs_where_sides_are_no_multiples_of_32():
    direct, by_factor = (fill(build(by_factor=value)) for value in (False, True))
    for size, is_same in (((64, 96), True), ((64, 97), False)):
        images = normal("images", (1, 3, *size))
        assert torch.allclose(direct(images)[0], by_factor(images)[0]) == is_same


@torch.no_grad()
def test_aligned_corners_are_for_the_concatenation_alone():
    backbone, images = fill(build()), normal("images", (1, 3, 45, 70))
    plain = backbone(images)[0]
    set_align_corners(backbone, True)
    aligned = backbone(images)[0]
    assert torch.equal(aligned[:, :4], plain[:, :4])  # the finest branch
    assert not torch.allclose(aligned, plain)
    branches = fill(build(concat=False))(images)
    expected = [F.interpolate(x, (12, 18), mode="bilinear", align_corners=True) for x in branches]
    torch.testing.assert_close(aligned, torch.cat(expected, dim=1))
