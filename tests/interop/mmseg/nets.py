"""Models of mmsegmentation, as its configs describe them, whose numbers `make_mmseg_fixtures.py` writes down."""

NORM = {"type": "SyncBN", "requires_grad": True}
NORM_V3 = {"type": "SyncBN", "eps": 0.001, "requires_grad": True}
PREPROCESSING = {
    "type": "SegDataPreProcessor",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "bgr_to_rgb": True,
}
CLASSES = 3
WIDTHS = [18, 36, 72, 144]


def model(backbone, decode_head, auxiliary_head=None, kind="EncoderDecoder"):
    model = {"type": kind, "data_preprocessor": PREPROCESSING, "backbone": backbone, "decode_head": decode_head}
    model |= {"test_cfg": {"mode": "whole"}}
    return model if auxiliary_head is None else {**model, "auxiliary_head": auxiliary_head}


def head(kind, in_channels, channels, in_index, norm=NORM, **more):
    common = {"type": kind, "in_channels": in_channels, "channels": channels, "in_index": in_index, "norm_cfg": norm}
    return {**common, "num_classes": CLASSES, "align_corners": False, **more}


def fcn(in_channels, channels, in_index, **more):
    return head("FCNHead", in_channels, channels, in_index, **{"num_convs": 1, "concat_input": False, **more})


def hrnet_stage(modules, branches, blocks):
    return {
        "num_modules": modules,
        "num_branches": branches,
        "block": "BASIC",
        "num_blocks": (blocks,) * branches,
        "num_channels": tuple(WIDTHS[:branches]),
    }


def hrnet():
    first = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK", "num_blocks": (2,), "num_channels": (64,)}
    stages = {f"stage{i}": hrnet_stage(modules, i, 2) for i, modules in ((2, 1), (3, 3), (4, 2))}
    return {"type": "HRNet", "norm_cfg": NORM, "norm_eval": False, "extra": {"stage1": first, **stages}}


def hrnet_fcn():
    return fcn(WIDTHS, 270, (0, 1, 2, 3), input_transform="resize_concat", kernel_size=1, dropout_ratio=-1)


def unet(decode_head):
    backbone = {
        "type": "UNet",
        "in_channels": 3,
        "base_channels": 32,
        "num_stages": 5,
        "strides": (1,) * 5,
        "enc_num_convs": (2,) * 5,
        "dec_num_convs": (2,) * 4,
        "downsamples": (True,) * 4,
        "norm_cfg": NORM,
        "upsample_cfg": {"type": "InterpConv"},
    }
    return model(backbone, decode_head, fcn(64, 8, 3))


def bisenet():
    resnet = {"type": "ResNet", "depth": 18, "num_stages": 4, "out_indices": (0, 1, 2, 3), "norm_cfg": NORM}
    backbone = {"type": "BiSeNetV1", "backbone_cfg": resnet, "out_indices": (0, 1, 2), "norm_cfg": NORM}
    return model(backbone, fcn(256, 24, 0), [fcn(128, 8, 1), fcn(128, 8, 2)])


def mobilenet_v2(decode_head, plan=((1, 2, 2, 1, 1, 1, 1), (1, 1, 1, 2, 2, 4, 4))):
    backbone = {"type": "MobileNetV2", "widen_factor": 0.5, "out_indices": (1, 2, 4, 6), "norm_cfg": NORM}
    return model({**backbone, "strides": plan[0], "dilations": plan[1]}, decode_head, fcn(48, 8, 2))


def mobilenet_v3():
    lraspp = head(
        *("LRASPPHead", (16, 16, 576), 16, (0, 1, 2), NORM_V3),
        input_transform="multiple_select",
        branch_channels=(4, 6),
    )
    return model({"type": "MobileNetV3", "arch": "small", "out_indices": (0, 1, 12), "norm_cfg": NORM_V3}, lraspp)


def ocrnet():
    last = head("OCRHead", WIDTHS, 16, (0, 1, 2, 3), input_transform="resize_concat", ocr_channels=8, dropout_ratio=-1)
    return {**model(hrnet(), [hrnet_fcn(), last], kind="CascadeEncoderDecoder"), "num_stages": 2}


# name: the model and the size of the image. mmsegmentation's U-Net takes multiples of 16 alone; its LR-ASPP averages
# windows of 49 x 49 of the map of stride 8.
MODELS = {
    "hrnet_fcn": (model(hrnet(), hrnet_fcn()), (45, 70)),
    "hrnet_ocr": (ocrnet(), (45, 70)),
    "unet_fcn": (unet(fcn(32, 8, 4)), (16, 48)),
    "unet_psp": (unet(head("PSPHead", 32, 8, 4, pool_scales=(1, 2, 3, 6))), (16, 48)),
    "unet_aspp": (unet(head("ASPPHead", 32, 8, 4, dilations=(1, 2, 3, 4))), (16, 48)),
    "bisenet_v1": (bisenet(), (45, 70)),
    "mobilenet_v2_fcn": (mobilenet_v2(fcn(160, 8, 3)), (45, 70)),
    "mobilenet_v2_d16_psp": (
        mobilenet_v2(head("PSPHead", 160, 8, 3), ((1, 2, 2, 2, 1, 1, 1), (1, 1, 1, 1, 1, 2, 2))),
        (45, 70),
    ),
    "mobilenet_v3_lraspp": (mobilenet_v3(), (390, 397)),
}
