"""Models of mmsegmentation whose heads make weights for each image or pixel: see cases.py."""

from tests.interop.mmseg.resnets import SIZE, fcn, head, model, resnet

ALIGNED = {"align_corners": True}


def psa(kind, mask_size, **more):
    own = {"psa_type": kind, "compact": False, "shrink_factor": 2, "normalization_factor": 1.0, "psa_softmax": True}
    return head("PSAHead", 512, 8, 3, mask_size=mask_size, **{**own, **more})


# Maps of 7 x 9 have halves of 4 x 5, whose offsets reach from -3 to 3 and -4 to 4; maps of 4 x 5, of 2 x 2.
MODELS = {  # name: (model, size of the image)
    "apc_r18": (model(resnet(), head("APCHead", 512, 8, 3, pool_scales=(1, 2, 3, 6)), fcn(256, 8, 2)), SIZE),
    "apc_r18_corners": (model(resnet(stride=8), head("APCHead", 512, 8, 3, pool_scales=(2, 3), **ALIGNED)), SIZE),
    "dm_r18": (model(resnet(stride=16), head("DMHead", 512, 8, 3, filter_sizes=(1, 3, 5, 7))), SIZE),
    "dm_r18_even": (model(resnet(stride=16), head("DMHead", 512, 8, 3, filter_sizes=(2, 4), **ALIGNED)), SIZE),
    "psa_r18_d8": (model(resnet(stride=8), psa("bi-direction", (7, 9))), SIZE),
    "psa_r18_small_mask": (model(resnet(stride=8), psa("bi-direction", (3, 4))), SIZE),
    "psa_r18_even": (model(resnet(stride=16), psa("bi-direction", (7, 7), **ALIGNED)), SIZE),
    "psa_r18_collect": (model(resnet(stride=8), psa("collect", (5, 6))), SIZE),
    "psa_r18_distribute": (model(resnet(stride=8), psa("distribute", (5, 6))), SIZE),
}
