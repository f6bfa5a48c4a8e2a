"""BiSeNetV1's auxiliary heads, on which the logits do not depend, and what is no BiSeNet of ours."""

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from tests.interop.mmseg.nets import bisenet, fcn
from tests.interop.mmseg.test_parity import fixture, state_of


def test_each_context_has_its_own_head():
    """mmsegmentation's first auxiliary head reads the context of stride 8; ours are coarse to fine."""
    state = state_of(fixture("bisenet_v1"))
    weights = convert({"model": bisenet()}, state).weights
    for theirs, ours in ((0, 1), (1, 0)):
        found = weights[f"decode_head.classify_context.{ours}.1.weight"]
        assert found is state[f"auxiliary_head.{theirs}.conv_seg.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decode_head": fcn(256, 24, 0, num_convs=2)}, r"decode_head\.0: in segbox's BiSeNet this is one 3x3"),
        ({"decode_head": fcn(256, 24, 1)}, r"decode_head\.0: in segbox's BiSeNet this is one 3x3"),
        ({"auxiliary_head": [fcn(128, 8, 1)]}, "one decode_head and two auxiliary heads"),
        ({"auxiliary_head": [fcn(128, 8, 1), fcn(128, 16, 2)]}, "auxiliary heads of one width"),
        ({"backbone": {**bisenet()["backbone"], "out_channels": 128}}, "segbox's BiSeNet has 256 in the next level"),
        ({"backbone": {**bisenet()["backbone"], "plugins": 1}}, "no counterpart of plugins"),
    ],
)
def test_others_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        convert({"model": {**bisenet(), **change}}, {})
