"""What has no counterpart among HRNet, U-Net and the MobileNets is refused by name."""

import pytest

from segbox.errors import ConfigError
from segbox.interop.mmseg.convert import convert
from tests.interop.mmseg.nets import NORM, fcn, hrnet, hrnet_fcn, mobilenet_v2, mobilenet_v3, model, unet


def changed(config, part, **values):
    return {**config, part: {**config[part], **values}}


WIDER = {**hrnet()["extra"], "stage2": {**hrnet()["extra"]["stage2"], "num_channels": (20, 40)}}
CASES = [
    (model({**hrnet(), "extra": WIDER}, hrnet_fcn()), "backbone.extra: segbox has HRNet-18-small, -18, -32, -48"),
    (model(hrnet(), fcn(144, 8, 3)), r"decode_head\.in_index: 3 has no counterpart among segbox's maps"),
    (changed(unet(fcn(32, 8, 4)), "backbone", base_channels=48), "base_channels: 48 has no counterpart"),
    (unet(fcn(128, 8, 2)), r"decode_head\.in_index: 2 has no counterpart among segbox's maps, only 4, 3"),
    (mobilenet_v2(fcn(160, 8, 3), ((1, 2, 2, 1, 1, 1, 1), (1,) * 7)), "no MobileNetV2 with strides"),
    (changed(mobilenet_v2(fcn(160, 8, 3)), "backbone", act_cfg={"type": "ReLU"}), "only {'type': 'ReLU6'}"),
    (changed(mobilenet_v3(), "backbone", norm_cfg=NORM), "only batch norm of eps=0.001"),
    (changed(mobilenet_v3(), "decode_head", in_index=(0, 2, 1)), "reads the finest maps and the last"),
]


@pytest.mark.parametrize(("config", "message"), CASES, ids=map(str, range(len(CASES))))
def test_others_are_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        convert({"model": config}, {})
