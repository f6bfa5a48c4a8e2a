"""Settings of heads with queries and kernels that segbox has not are refused by their path."""

import json

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from tests.interop.mmseg.cases import MODELS

DECODER, PIXELS, STAGE = ("transformer_decoder", "layer_cfg"), ("pixel_decoder",), ("kernel_update_head", 0)


def model_of(name):
    """A copy without shared parts."""
    return json.loads(json.dumps(MODELS[name][0]))


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("mask2former_r18", ("align_corners",), True, "align_corners: True has no counterpart"),
        ("mask2former_r18", ("positional_encoding", "num_feats"), 8, r"positional_encoding\.num_feats: 8 has no"),
        ("mask2former_r18", (*DECODER, "ffn_cfg", "ffn_drop"), 0.1, "have one rate of dropout"),
        ("mask2former_r18", (*DECODER, "self_attn_cfg", "num_heads"), 2, "as many heads and equal dropout"),
        ("mask2former_r18", (*PIXELS, "type"), "mmdet.PixelDecoder", "PixelDecoder has no counterpart in segbox, only"),
        ("mask2former_r18", (*PIXELS, "encoder", "layer_cfg", "self_attn_cfg", "num_heads"), 2, "as many attention he"),
        ("mask2former_r18", (*PIXELS, "more"), 2, "pixel_decoder: segbox has no counterpart of more"),
        ("mask2former_r18", ("transformer_decoder",), None, "transformer_decoder: expected a dict, got None"),
        ("maskformer_r18", ("in_index",), [0, 1, 2], "in_index: segbox's head reads the maps of strides 4, 8, 16 and"),
        ("maskformer_r18", (*PIXELS, "type"), "mmdet.TransformerEncoderPixelDecoder", "only PixelDecoder"),
        ("knet_fcn_r18", (*STAGE, "hidden"), 3, "all stages have the same settings"),
        ("knet_fcn_r18", ("kernel_generate_head", "type"), "DAHead", "DAHead has no counterpart in segbox, only FCN"),
        ("knet_fcn_r18", ("num_stages",), 3, "num_stages: 3 has no counterpart in segbox, only 2"),
    ],
)
def test_other_settings_are_refused(name, place, value, message):
    model = model_of(name)
    part = model["decode_head"]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(ConfigError, match=message):
        convert({"model": model}, {})


def test_what_all_stages_of_knet_must_have():
    model = model_of("knet_fcn_r18")
    for stage in model["decode_head"]["kernel_update_head"]:
        del stage["num_mask_fcs"]  # mmsegmentation's default is 3
    with pytest.raises(ConfigError, match=r"kernel_update_head\.0\.num_mask_fcs: 3 has no counterpart"):
        convert({"model": model}, {})


def test_maskformer_keeps_its_losses():
    loss = convert({"model": MODELS["maskformer_r18"][0]}, {}).model["decode_head"]["loss"]
    weights = [loss[f"{name}_loss_weight"] for name in ("class", "mask", "dice")]
    assert (weights, loss["form"], loss["num_points"]) == ([1.0, 20.0, 1.0], "focal", None)
