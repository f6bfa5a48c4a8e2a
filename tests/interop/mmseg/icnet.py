"""ICNet of mmsegmentation, as its configs describe it: see cases.py."""

from tests.interop.mmseg.resnets import NORM, fcn, model, resnet


def icnet(**more):
    backbone = {
        "type": "ICNet",
        "backbone_cfg": {**resnet(stride=8), "in_channels": 3},
        "in_channels": 3,
        "layer_channels": (128, 512),
        "light_branch_middle_channels": 32,
        "psp_out_channels": 512,
        "out_channels": (64, 256, 256),
        "norm_cfg": NORM,
        "align_corners": False,
    }
    neck = {"type": "ICNeck", "in_channels": (64, 256, 256), "out_channels": 128, "norm_cfg": NORM}
    auxiliary = [fcn(128, 8, 0), fcn(128, 8, 1)]
    return model({**backbone, **more}, fcn(128, 8, 2), auxiliary, {**neck, "align_corners": False})


MODELS = {"icnet_r18": (icnet(), (49, 71)), "icnet_r18_even": (icnet(), (64, 96))}  # name: (model, size of the image)
