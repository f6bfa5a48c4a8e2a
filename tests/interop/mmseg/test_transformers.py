"""What the converters of transformers refuse, and what they make of the first versions' checkpoints."""

import pytest
import torch

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from segbox.models.segmentors import build_segmentor
from tests.interop.mmseg.resnets import fcn, model
from tests.interop.mmseg.test_parity import fixture, state_of
from tests.interop.mmseg.transformers import (
    MLA,
    MLA_HEAD,
    MLN,
    MODELS,
    beit,
    convnext,
    poolformer,
    swin,
    twins,
    uper,
    vit,
)

VIT = {**vit(), "norm_cfg": {"type": "BN"}}
UPER = uper([8] * 4)


@pytest.mark.parametrize(
    ("backbone", "neck", "message"),
    [
        (swin(num_heads=[1, 2, 4, 4]), None, r"no Swin with embed_dims 8, .* num_heads \(1, 2, 4, 4\)"),
        (swin(use_abs_pos_embed=True), None, "use_abs_pos_embed: True has no counterpart"),
        (vit(img_size=(64, 96)), None, r"img_size: \(64, 96\) has no counterpart in segbox, only squares"),
        (vit(num_layers=5), None, "no VisionTransformer with embed_dims 8, num_layers 5 and num_heads 2"),
        (vit(patch_bias=True), None, "patch_bias: True has no counterpart"),
        (VIT, None, "norm_cfg: .*, only layer norms"),
        (vit(), {**MLN, "scales": [2, 1, 1, 1]}, r"scales: segbox's MultiLevelNeck has \(4, 2, 1, 0.5\)"),
        (vit(), {**MLA, "act_cfg": None}, "in segbox's MLANeck, a norm and a ReLU follow each convolution"),
        (twins("PCPVT", [1, 1, 2, 1], [4] * 4), None, r"mlp_ratios: \[4, 4, 4, 4\] has no counterpart"),
        (twins("SVT", [1, 1, 2, 1], [4] * 4), None, "no SVT with embed_dims"),
        (
            {**poolformer(), "out_indices": -1},
            None,
            r"out_indices: -1 has no counterpart in segbox, only",
        ),
        ({**poolformer(), "arch": "s13"}, None, "has the PoolFormers s12, s24, s36, m36, m48, not 's13'"),
        ({**convnext(), "use_grn": True}, None, "use_grn: True has no counterpart"),
        (beit("BEiT", final_norm=True), None, "final_norm: True has no counterpart"),
    ],
)
def test_others_are_refused(backbone, neck, message):
    with pytest.raises(ConfigError, match=message):
        convert({"model": model(backbone, UPER, neck=neck)}, {})


def test_the_head_of_mla_needs_its_neck():
    with pytest.raises(ConfigError, match="reads the four maps of an MLANeck in their order"):
        convert({"model": model(vit(), MLA_HEAD)}, {})


def test_auxiliary_heads_read_the_maps_of_the_neck_that_they_read_there():
    """mmsegmentation's neck has its maps in the opposite order."""
    found = convert({"model": model(vit(), MLA_HEAD, fcn(6, 8, 0), neck=MLA)}, {}).model
    assert found["auxiliary_maps"] == "neck" and found["auxiliary_head"]["level"] == -1
    model_of = build_segmentor({**found, "mean": (0.0,) * 3, "std": (1.0,) * 3}, None).eval()
    images = torch.randn(1, 3, 33, 50)
    maps, features = model_of.maps_and_features(images)
    assert maps is features and [x.shape[1] for x in maps] == [6] * 4


@torch.no_grad()
def test_a_bias_of_the_patches_becomes_a_part_of_the_positions():
    state = state_of(fixture("vit_uper"))
    bias = torch.randn(8, dtype=torch.double)
    config = {"model": MODELS["vit_uper"][0]}
    plain, biased = (
        convert(config, {**state, **more}).weights for more in ({}, {"backbone.patch_embed.projection.bias": bias})
    )
    assert plain.keys() == biased.keys()
    changed = [name for name, value in plain.items() if not torch.equal(value, biased[name])]
    assert changed == ["backbone.positions"]
    difference = biased["backbone.positions"] - plain["backbone.positions"]
    torch.testing.assert_close(difference[0, 1:], bias.expand(16, 8))
    assert not difference[0, 0].any()
