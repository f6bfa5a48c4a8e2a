"""Convolutional models of mmsegmentation beside those of nets.py, as its configs describe them: see cases.py."""

from tests.interop.mmseg.nets import NORM, fcn, head, model

RESNEST = {
    "type": "ResNeSt",
    "depth": 50,
    "stem_channels": 64,
    "radix": 2,
    "reduction_factor": 4,
    "avg_down_stride": True,
    "num_stages": 4,
    "out_indices": (0, 1, 2, 3),
    "dilations": (1, 1, 2, 4),
    "strides": (1, 2, 1, 1),
    "norm_cfg": NORM,
    "norm_eval": False,
    "style": "pytorch",
    "contract_dilation": True,
}
CGNET = {"type": "CGNet", "norm_cfg": {**NORM, "eps": 1e-3}, "num_blocks": (3, 21)}
MSCAN = {
    "type": "MSCAN",
    "embed_dims": [32, 64, 160, 256],
    "mlp_ratios": [8, 8, 4, 4],
    "drop_path_rate": 0.1,
    "depths": [3, 3, 5, 2],
    "norm_cfg": {"type": "BN", "requires_grad": True},
}
HAM = {
    "ham_channels": 64,
    "ham_kwargs": {"MD_S": 1, "MD_R": 8, "train_steps": 6, "eval_steps": 7, "inv_t": 100, "rand_init": True},
}
PIDNET = {"type": "PIDNet", "align_corners": False, "norm_cfg": NORM, "act_cfg": {"type": "ReLU", "inplace": True}}
CE = {"type": "CrossEntropyLoss"}


def stdc():
    net = {
        "type": "STDCNet",
        "stdc_type": "STDCNet1",
        "in_channels": 3,
        "channels": (32, 64, 256, 512, 1024),
        "bottleneck_type": "cat",
        "num_convs": 4,
        "norm_cfg": NORM,
        "act_cfg": {"type": "ReLU"},
        "with_final_conv": False,
    }
    backbone = {
        "type": "STDCContextPathNet",
        "backbone_cfg": net,
        "last_in_channels": (1024, 512),
        "out_channels": 16,
        "ffm_cfg": {"in_channels": 272, "out_channels": 32, "scale_factor": 4},
    }
    detail = {
        **fcn(256, 8, 0),
        "type": "STDCHead",
        "num_classes": 2,
        "boundary_threshold": 0.1,
        "loss_decode": [CE] * 2,
    }
    decode = fcn(32, 12, 3, align_corners=True)
    return model(backbone, decode, [fcn(16, 8, 2), fcn(16, 8, 1), {**detail, "align_corners": True}])


def bisenet_v2():
    auxiliary = [fcn(c, 8, i + 1, num_convs=2) for i, c in enumerate((16, 32, 64, 128))]
    return model({"type": "BiSeNetV2", "align_corners": False}, fcn(128, 12, 0), auxiliary)


def segnext():
    ham = head("LightHamHead", [64, 160, 256], 32, [1, 2, 3], norm={"type": "GN", "num_groups": 32}, **HAM)
    return model(MSCAN, ham)


def ddrnet():
    decode = head("DDRHead", 128, 8, -1, dropout_ratio=0.0, loss_decode=[CE, {**CE, "loss_weight": 0.4}])
    return model({"type": "DDRNet", "channels": 32, "ppm_channels": 128, "norm_cfg": NORM}, decode)


def pidnet(**sizes):
    weights = (0.4, 1.0, 20.0, 1.0)
    decode = head("PIDHead", 4 * sizes["channels"], 8, -1, loss_decode=[{**CE, "loss_weight": w} for w in weights])
    return model({**PIDNET, **sizes}, {**decode, "align_corners": True})


def fast_scnn():
    decode = head("DepthwiseSeparableFCNHead", 128, 8, -1, concat_input=False)
    return model({"type": "FastSCNN", "norm_cfg": NORM}, decode, [fcn(128, 8, -2), fcn(64, 8, -3)])


# name: the model and the size of the image. mmsegmentation's DDRNet and PIDNet take multiples of 8 alone; so does its
# ERFNet if the maps are to have the image's size.
MODELS = {
    "resnest_fcn": (model(RESNEST, fcn(2048, 8, 3), fcn(1024, 8, 2)), (33, 41)),
    "stdc1": (stdc(), (45, 70)),
    "bisenet_v2": (bisenet_v2(), (45, 70)),
    "segnext_t": (segnext(), (45, 70)),
    "ddrnet_23_slim": (ddrnet(), (72, 104)),
    "pidnet_s": (pidnet(channels=32, ppm_channels=96, num_stem_blocks=2, num_branch_blocks=3), (72, 104)),
    "pidnet_l": (pidnet(channels=64, ppm_channels=112, num_stem_blocks=3, num_branch_blocks=4), (40, 72)),
    "cgnet": (model(CGNET, fcn(256, 256, 2, num_convs=0, norm=CGNET["norm_cfg"])), (45, 70)),
    "erfnet": (model({"type": "ERFNet", "norm_cfg": NORM}, fcn(16, 8, -1)), (40, 72)),
    "fast_scnn": (fast_scnn(), (45, 70)),
}
