"""Models of mmsegmentation that differ from the papers', as its configs describe them: see cases.py."""

from tests.interop.mmseg.resnets import NORM, SIZE, WIDTHS, fcn, head, model, resnet

D32 = {"strides": (1, 2, 2, 2), "dilations": (1, 1, 2, 4)}  # dilation, and all strides
MULTI_GRID = {"multi_grid": (1, 2)}
ALIGNED = {"align_corners": True}
SPP = {"pool_scales": (1, 2, 3, 6)}
LAST_THREE = {"out_indices": (1, 2, 3)}
JPU = {
    "type": "JPU",
    "in_channels": tuple(WIDTHS[1:]),
    "mid_channels": 8,
    "start_level": 0,
    "end_level": -1,
    "dilations": (1, 2, 4, 8),
    "align_corners": False,
    "norm_cfg": NORM,
}
MIT = {
    "type": "MixVisionTransformer",
    "in_channels": 3,
    "embed_dims": 8,
    "num_stages": 4,
    "num_layers": [1, 1, 1, 2],
    "num_heads": [1, 2, 5, 8],
    "patch_sizes": [7, 3, 3, 3],
    "sr_ratios": [8, 4, 2, 1],
    "out_indices": (0, 1, 2, 3),
    "mlp_ratio": 4,
    "qkv_bias": True,
    "drop_rate": 0.0,
    "attn_drop_rate": 0.0,
    "drop_path_rate": 0.1,
}
SE = {"type": "CrossEntropyLoss", "use_sigmoid": True, "loss_weight": 0.2}
EVERY = [0, 1, 2, 3]
FPN = {"type": "FPN", "in_channels": WIDTHS, "out_channels": 8, "num_outs": 4}


def two_convs(**more):
    return head("FCNHead", 512, 8, 3, num_convs=2, concat_input=True, **more)


def aspp(**more):
    return head("ASPPHead", 512, 8, 3, dilations=(1, 2, 4, 6), **more)


def sep_aspp(**more):
    fine = {"c1_in_channels": 64, "c1_channels": 6}
    return head("DepthwiseSeparableASPPHead", 512, 8, 3, dilations=(1, 2, 4, 6), **fine, **more)


def fastfcn(decode_head):
    return model({**resnet(), **D32, **LAST_THREE}, decode_head, fcn(256, 8, 1), neck=JPU)


def semantic_fpn(**more):
    return model(resnet(), head("FPNHead", [8] * 4, 8, EVERY, feature_strides=[4, 8, 16, 32], **more), neck=FPN)


MODELS = {
    "fcn_r18_d8": (model(resnet(stride=8), two_convs(), fcn(256, 8, 2)), SIZE),
    "fcn_r18_d8_corners": (model(resnet(stride=8), two_convs(**ALIGNED)), SIZE),
    "fcn_d6_r18_d16": (model(resnet(stride=16), two_convs(dilation=6)), SIZE),
    "fcn_no_convs": (model(resnet(), head("FCNHead", 512, 512, 3, num_convs=0, concat_input=False)), SIZE),
    "psp_r18_d8": (model(resnet(stride=8), head("PSPHead", 512, 24, 3, **SPP)), SIZE),
    "psp_r18_d32": (model({**resnet(), **D32}, head("PSPHead", 512, 8, 3, **SPP, **ALIGNED)), SIZE),
    "deeplab_v3_r18_d8": (model(resnet(stride=8), aspp()), SIZE),
    "deeplab_v3_r18_d16_multi_grid": (model({**resnet(stride=16), **MULTI_GRID}, aspp(**ALIGNED)), SIZE),
    "deeplab_v3_plus_r18_d8": (model(resnet(stride=8), sep_aspp(), fcn(256, 8, 2)), SIZE),
    "deeplab_v3_plus_r18_corners": (model(resnet(stride=16), sep_aspp(**ALIGNED)), SIZE),
    "jpu_psp": (fastfcn(head("PSPHead", 32, 8, 2, **SPP)), SIZE),
    "jpu_enc": (
        fastfcn(
            head("EncHead", [128, 256, 32], 8, (0, 1, 2), num_codes=5, use_se_loss=True, add_lateral=False,
                 loss_se_decode=SE)
        ),
        SIZE,
    ),
    "segformer": (model(MIT, head("SegformerHead", [8, 16, 40, 64], 8, EVERY)), SIZE),
    "semantic_fpn_odd": (semantic_fpn(), (47, 69)),
    "semantic_fpn_odd_corners": (semantic_fpn(**ALIGNED), (47, 69)),
    "uper_corners": (model(resnet(), head("UPerHead", WIDTHS, 8, EVERY, **SPP, **ALIGNED)), SIZE),
}  # fmt: skip
