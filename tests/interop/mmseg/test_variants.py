"""What the converters of variants make of a config, and what they refuse."""

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from tests.interop.mmseg.resnets import head, model, resnet
from tests.interop.mmseg.variants import ALIGNED, D32, JPU, LAST_THREE, MIT, aspp, sep_aspp, two_convs


def converted(*parts, **more):
    return convert({"model": model(*parts, **more)}, {}).model


def test_strides_and_dilations():
    def backbone(**more):
        return converted({**resnet(50), **more}, aspp())["backbone"]

    assert backbone() == {"type": "ResNet", "variant": "50", "stem": "C", "output_stride": 32}
    assert backbone(**D32)["dilations"] == (1, 1, 2, 4) and backbone(**D32)["output_stride"] == 32
    d8 = backbone(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
    assert d8["output_stride"] == 8 and "dilations" not in d8
    assert backbone(multi_grid=[1, 2, 4])["multi_grid"] == (1, 2, 4)
    assert converted(resnet(18, stride=8), aspp())["backbone"]["dilate_second"] is False


def test_all_norms_of_a_mix_transformer_have_the_same_eps():
    """It hardly changes the numbers, so comparing them does not see it."""
    found = converted(MIT, head("SegformerHead", [8, 16, 40, 64], 8, [0, 1, 2, 3]))
    assert found["backbone"]["embed_eps"] == 1e-6 and found["decode_head"]["project_norm"] is True


@pytest.mark.parametrize("kind", ["decode_head", "neck"])
def test_aligned_corners_are_those_of_the_model(kind):
    assert "align_corners" not in converted(resnet(), two_convs())
    assert converted(resnet(), two_convs(**ALIGNED))["align_corners"] is True
    backbone = {**resnet(), **LAST_THREE}
    psp = head("PSPHead", 32, 8, 2, align_corners=kind == "decode_head")
    with pytest.raises(ConfigError, match=r"align_corners: (True|False), but model.neck has (True|False)"):
        converted(backbone, psp, neck={**JPU, "align_corners": kind == "neck"})


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (({**resnet(stride=8), "contract_dilation": False}, aspp()), r"model\.backbone\.contract_dilation: "),
        (({**resnet(), "strides": (1, 1, 2, 2)}, aspp()), r"model\.backbone\.strides: .*\(1, 1, 2, 2\)"),
        ((resnet(), {**aspp(), "dilations": (2, 4, 6)}), r"model\.decode_head\.dilations: .* begins with one 1x1"),
        ((resnet(), {**sep_aspp(), "c1_in_channels": 0}), r"model\.decode_head\.c1_in_channels: "),
        (({**MIT, "num_layers": [1, 1, 1, 1]}, two_convs()), r"model\.backbone: .* num_layers \(1, 1, 1, 1\)"),
        (({**MIT, "num_heads": [1, 2, 4, 8]}, two_convs()), r"model\.backbone\.num_heads: \[1, 2, 4, 8\]"),
        (({**MIT, "norm_cfg": {"type": "LN", "eps": 1e-5}}, two_convs()), r"model\.backbone\.norm_cfg: "),
        ((resnet(), {**two_convs(), "in_index": 7}), r"model\.decode_head\.in_index: "),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(parts, message):
    with pytest.raises(ConfigError, match=message):
        converted(*parts)


def test_a_jpu_on_other_maps_is_refused():
    with pytest.raises(ConfigError, match=r"model\.neck: segbox's JPU reads the last three maps"):
        converted(resnet(), head("PSPHead", 32, 8, 2), neck=JPU)
