"""`model.align_corners` reaches every part that resizes: heads, necks, the model itself, and what is built later."""

import pytest
import torch
import torch.nn.functional as F

from segbox.models.layers import Resizing, resize, set_align_corners
from segbox.registry import HEADS, NECKS
from tests.models import head_cases, neck_cases
from tests.models.fixed import fill
from tests.tiny import random_batch, tiny_model

INTERPOLATE = F.interpolate


class Patched:
    """F.interpolate with aligned corners, whatever it is told; counts the calls to which this makes a difference."""

    def __init__(self):
        self.differences = 0

    def __call__(self, x, size=None, scale_factor=None, mode="nearest", align_corners=None):
        if mode != "bilinear":
            return INTERPOLATE(x, size, scale_factor, mode)
        self.differences += max(x.shape[-2:]) > 1
        return INTERPOLATE(x, size, scale_factor, mode, align_corners=True)


def as_if_patched(part, inputs, monkeypatch):
    """What a part gives with aligned corners, without, and with F.interpolate patched; the calls that it makes."""
    patched = Patched()
    found = []
    for align_corners in (True, False):
        set_align_corners(part, align_corners)
        found.append(part(inputs))
    monkeypatch.setattr(F, "interpolate", patched)
    return *found, part(inputs), patched.differences


@pytest.mark.parametrize("title", head_cases.titles())
@torch.no_grad()
def test_every_head_that_resizes_follows(title, monkeypatch):
    head = fill(head_cases.build(title))
    aligned, plain, expected, calls = as_if_patched(head, head_cases.inputs(title), monkeypatch)
    torch.testing.assert_close(aligned, expected, rtol=0, atol=0)
    assert torch.allclose(aligned, plain) == (calls == 0)


@pytest.mark.parametrize("title", neck_cases.titles())
@torch.no_grad()
def test_every_neck_that_resizes_follows(title, monkeypatch):
    neck = fill(neck_cases.build(title))
    aligned, plain, expected, calls = as_if_patched(neck, neck_cases.inputs(title), monkeypatch)
    torch.testing.assert_close(aligned, expected, rtol=0, atol=0)
    assert all(map(torch.allclose, aligned, plain)) == (calls == 0)


def test_heads_and_necks_that_resize_are_among_them():
    """So that the two tests above see some."""
    assert {"PSPHead", "UPerHead", "SegFormerHead", "FPNHead"} <= set(HEADS) and "JPU" in set(NECKS)
    assert all(issubclass(head, Resizing) for head in map(HEADS.__getitem__, HEADS))


@torch.no_grad()
def test_the_model_resizes_its_logits_so():
    torch.manual_seed(0)
    model = tiny_model(head="PSPHead", align_corners=True).eval()
    images, _ = random_batch(1, 33, 47, num_classes=5)
    own = model.logits(images)
    torch.testing.assert_close(model(images), INTERPOLATE(own, (33, 47), mode="bilinear", align_corners=True))
    set_align_corners(model, False)
    other = model.logits(images)
    assert not torch.allclose(own, other)
    torch.testing.assert_close(model(images), resize(other, (33, 47)))


@pytest.mark.parametrize("align_corners", [True, False])
def test_every_part_is_told_and_so_are_new_heads(align_corners):
    auxiliary = {"type": "FCNHead", "level": -2, "loss": {"type": "OHEMCrossEntropyLoss"}}
    model = tiny_model(
        head="UPerHead", auxiliary_head=auxiliary, neck={"type": "JPU", "channels": 8}, align_corners=align_corners
    )
    for classes in (5, 3):
        parts = [part for part in model.modules() if isinstance(part, Resizing)]
        names = {type(part).__name__ for part in parts}
        assert names >= {"EncoderDecoder", "JPU", "UPerHead", "FCNHead", "OHEMCrossEntropyLoss"}
        assert {part.align_corners for part in parts} == {align_corners}
        model.reset_classes(3)
        assert classes == 5 or model.decode_head.classify.out_channels == 3


def test_it_is_no_part_of_the_weights():
    names = [list(tiny_model(align_corners=value).state_dict()) for value in (True, False)]
    assert names[0] == names[1]
