"""ResNeSt against timm's, which is its authors'."""

import pytest
import torch

from segbox.registry import BACKBONES
from segbox.weights.names.backbones import by_our_names
from tests.models.fixed import fill, normal


@pytest.mark.parametrize(
    ("variant", "theirs"),
    [("14", "resnest14d"), ("50", "resnest50d"), ("101", "resnest101e")],
)
def test_parameters(variant, theirs):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        backbone = BACKBONES.build({"type": "ResNeSt", "variant": variant})
        state = timm.create_model(theirs).state_dict()
    found = by_our_names(state, backbone, theirs)
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in backbone.state_dict().items()
    }


@torch.no_grad()
def test_timm_agrees():
    timm = pytest.importorskip("timm")
    theirs = fill(timm.create_model("resnest14d"))
    with torch.device("meta"):
        ours = BACKBONES.build({"type": "ResNeSt", "variant": "14"})
    ours.load_state_dict(by_our_names(theirs.state_dict(), ours, "timm"), assign=True)
    images = normal("images", (1, 3, 45, 70))
    torch.testing.assert_close(ours.eval()(images)[-1], theirs.forward_features(images))
