"""Models of mmsegmentation whose heads have queries or kernels, on ResNets: see cases.py."""

from tests.interop.mmseg.resnets import CLASSES, SIZE, fcn, head, model, resnet

CHANNELS = 32
SINES = {"num_feats": CHANNELS // 2, "normalize": True}
ATTENTION = {"embed_dims": CHANNELS, "num_heads": 4, "batch_first": True}
RELU = {"type": "ReLU", "inplace": True}
FFN = {"embed_dims": CHANNELS, "feedforward_channels": 24, "num_fcs": 2, "ffn_drop": 0.0, "act_cfg": RELU}
OF_LAYER = {"self_attn_cfg": ATTENTION, "cross_attn_cfg": ATTENTION, "ffn_cfg": FFN}
LOSSES = {
    "loss_cls": {
        "type": "mmdet.CrossEntropyLoss",
        "use_sigmoid": False,
        "loss_weight": 2.0,
        "reduction": "mean",
        "class_weight": [1.0] * CLASSES + [0.1],
    },
    "loss_mask": {"type": "mmdet.CrossEntropyLoss", "use_sigmoid": True, "reduction": "mean", "loss_weight": 5.0},
    "loss_dice": {
        "type": "mmdet.DiceLoss",
        "use_sigmoid": True,
        "activate": True,
        "reduction": "mean",
        "naive_dice": True,
        "eps": 1.0,
        "loss_weight": 5.0,
    },
}
MASKS = {
    "in_channels": [64, 128, 256, 512],
    "feat_channels": CHANNELS,
    "out_channels": 20,
    "num_classes": CLASSES,
    "num_queries": 5,
    "enforce_decoder_input_project": False,
    "positional_encoding": SINES,
    **LOSSES,
}


def mask2former():
    attention = {"embed_dims": CHANNELS, "num_heads": 4, "num_levels": 3, "num_points": 2, "batch_first": True}
    layer = {"self_attn_cfg": {**attention, "dropout": 0.0, "im2col_step": 64}, "ffn_cfg": FFN}
    pixels = {
        "type": "mmdet.MSDeformAttnPixelDecoder",
        "num_outs": 3,
        "norm_cfg": {"type": "GN", "num_groups": 32},
        "act_cfg": {"type": "ReLU"},
        "encoder": {"num_layers": 2, "layer_cfg": layer},
        "positional_encoding": SINES,
    }
    own = {
        "type": "Mask2FormerHead",
        "strides": [4, 8, 16, 32],
        "num_transformer_feat_level": 3,
        "align_corners": False,
        "pixel_decoder": pixels,
        "transformer_decoder": {"return_intermediate": True, "num_layers": 4, "layer_cfg": OF_LAYER},
    }
    return model(resnet(kind="ResNet"), {**own, **MASKS})


def maskformer():
    attention = {"embed_dims": CHANNELS, "num_heads": 4, "attn_drop": 0.1, "proj_drop": 0.1, "batch_first": True}
    layer = {"self_attn_cfg": attention, "cross_attn_cfg": attention, "ffn_cfg": {**FFN, "ffn_drop": 0.1}}
    pixels = {"type": "mmdet.PixelDecoder", "norm_cfg": {"type": "GN", "num_groups": 32}, "act_cfg": {"type": "ReLU"}}
    own = {
        "type": "MaskFormerHead",
        "in_index": [0, 1, 2, 3],
        "pixel_decoder": pixels,
        "transformer_decoder": {"return_intermediate": True, "num_layers": 3, "layer_cfg": layer},
    }
    return model(resnet(kind="ResNet"), {**own, **MASKS, "out_channels": CHANNELS})


def knet(generator, backbone):
    stage = {
        "type": "KernelUpdateHead",
        "num_classes": CLASSES,
        "num_ffn_fcs": 2,
        "num_heads": 2,
        "num_mask_fcs": 1,
        "feedforward_channels": 24,
        "in_channels": 8,
        "out_channels": 8,
        "dropout": 0.0,
        "conv_kernel_size": 1,
        "ffn_act_cfg": RELU,
        "with_ffn": True,
        "feat_transform_cfg": {"conv_cfg": {"type": "Conv2d"}, "act_cfg": None},
        "kernel_updator_cfg": {
            "type": "KernelUpdator",
            "in_channels": 4,
            "feat_channels": 4,
            "out_channels": 4,
            "act_cfg": RELU,
            "norm_cfg": {"type": "LN"},
        },
    }
    own = {"type": "IterativeDecodeHead", "num_stages": 2, "kernel_update_head": [stage, stage]}
    return model(backbone, {**own, "kernel_generate_head": generator}, fcn(256, 8, 2))


def fcn_of_two():
    return head("FCNHead", 512, 8, 3, num_convs=2, concat_input=True)


def uper():
    return head("UPerHead", [64, 128, 256, 512], 8, [0, 1, 2, 3], pool_scales=(1, 2, 3, 6))


MODELS = {
    "mask2former_r18": (mask2former(), SIZE),
    "maskformer_r18": (maskformer(), SIZE),
    "knet_fcn_r18": (knet(fcn_of_two(), resnet(stride=8)), SIZE),
    "knet_uper_r18": (knet(uper(), resnet()), SIZE),
}
