"""ICNet's auxiliary heads, PointRend's choice of points, and what is none of our ICNets, PointRends and PSANets."""

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from tests.interop.mmseg.icnet import icnet
from tests.interop.mmseg.made import psa
from tests.interop.mmseg.pointrend import pointrend
from tests.interop.mmseg.resnets import fcn, model, resnet


def converted(own):
    return convert({"model": own}, {}).model


def test_icnet_has_its_auxiliary_heads_on_the_coarse_maps():
    own = converted(icnet())
    assert [head["level"] for head in (*own["auxiliary_head"], own["decode_head"])] == [-3, -2, -1]


def test_pointrend_chooses_its_points_as_test_cfg_and_train_cfg_say():
    found = converted(pointrend(300))
    head = found["decode_head"]
    assert (head["subdivisions"], head["subdivision_points"]) == (2, 300)
    assert (head["train_points"], head["oversampling"], head["uncertain_share"]) == (64, 3, 0.75)


def other_points(**change):
    own = pointrend(300)
    return {**own, "decode_head": [own["decode_head"][0], {**own["decode_head"][1], **change}]}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({**icnet(), "neck": None}, "segbox's ICNet has an ICNeck"),
        ({**icnet(), "neck": {**icnet()["neck"], "out_channels": 64}}, r"neck\.out_channels: 64 has no counterpart"),
        ({**icnet(), "neck": {**icnet()["neck"], "align_corners": True}}, r"neck\.align_corners: it must be"),
        (icnet(psp_out_channels=256), r"psp_out_channels: 256 has no counterpart"),
        (icnet(backbone_cfg=resnet(stride=16)), "a ResNetV1c of stride 8"),
        (icnet(backbone_cfg=resnet(stride=8, kind="ResNetV1d")), "a ResNetV1c of stride 8"),
        (other_points(align_corners=True), "without aligned corners"),
        (other_points(coarse_pred_each_layer=False), "coarse_pred_each_layer: False has no counterpart"),
        ({**pointrend(300), "test_cfg": {"scale_factor": 3}}, r"test_cfg\.scale_factor: 3 has no counterpart"),
        (
            {**pointrend(300), "decode_head": [fcn(16, 8, 0), pointrend(300)["decode_head"][1]]},
            "a PointHead follows one FPNHead",
        ),
        (model(resnet(), psa("bi-direction", (5, 5), compact=True)), "compact: True has no counterpart"),
        (model(resnet(), psa("everywhere", (5, 5))), "is no PSAHead as mmsegmentation has it"),
    ],
)
def test_others_are_refused(own, message):
    with pytest.raises(ConfigError, match=message):
        converted(own)
