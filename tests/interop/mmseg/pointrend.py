"""PointRend of mmsegmentation, as its configs describe it: see cases.py."""

from tests.interop.mmseg.resnets import FPN, head, model, resnet

COARSE = head("FPNHead", [16] * 4, 8, [0, 1, 2, 3], feature_strides=[4, 8, 16, 32], dropout_ratio=-1)
TRAIN = {"num_points": 64, "oversample_ratio": 3, "importance_sample_ratio": 0.75}


def pointrend(num_points):
    points = head("PointHead", [16], 12, [0], num_fcs=3, coarse_pred_each_layer=True, dropout_ratio=-1)
    del points["norm_cfg"]
    test = {"mode": "whole", "subdivision_steps": 2, "subdivision_num_points": num_points, "scale_factor": 2}
    own = model(resnet(), [COARSE, points], neck=FPN, test=test)
    return {**own, "train_cfg": TRAIN}


MODELS = {  # name: (model, size of the image)
    "pointrend_r18": (pointrend(300), (49, 71)),
    "pointrend_r18_all": (pointrend(8196), (64, 96)),
}
