"""Models of mmsegmentation on ResNets, as its configs describe them: see cases.py."""

NORM = {"type": "SyncBN", "requires_grad": True}
PREPROCESSING = {
    "type": "SegDataPreProcessor",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "bgr_to_rgb": True,
}
STRIDES = {8: ((1, 2, 1, 1), (1, 1, 2, 4)), 16: ((1, 2, 2, 1), (1, 1, 1, 2)), 32: ((1, 2, 2, 2), (1, 1, 1, 1))}
CLASSES = 3
SIZE = (49, 71)  # no multiples of the stride


def model(backbone, decode_head, auxiliary_head=None, neck=None, test=None):
    is_cascade = isinstance(decode_head, list)
    found = {"type": "CascadeEncoderDecoder", "num_stages": 2} if is_cascade else {"type": "EncoderDecoder"}
    found |= {"data_preprocessor": PREPROCESSING, "backbone": backbone, "decode_head": decode_head}
    found |= {} if neck is None else {"neck": neck}
    found |= {} if auxiliary_head is None else {"auxiliary_head": auxiliary_head}
    return {**found, "train_cfg": {}, "test_cfg": test or {"mode": "whole"}}


def resnet(depth=18, stride=32, kind="ResNetV1c"):
    strides, dilations = STRIDES[stride]
    return {
        "type": kind,
        "depth": depth,
        "num_stages": 4,
        "out_indices": (0, 1, 2, 3),
        "dilations": dilations,
        "strides": strides,
        "norm_cfg": NORM,
        "norm_eval": False,
        "style": "pytorch",
        "contract_dilation": True,
    }


def head(kind, in_channels, channels, in_index, **more):
    common = {"type": kind, "in_channels": in_channels, "channels": channels, "in_index": in_index, "norm_cfg": NORM}
    return {**common, "dropout_ratio": 0.1, "num_classes": CLASSES, "align_corners": False, **more}


def fcn(in_channels, channels, in_index):
    return head("FCNHead", in_channels, channels, in_index, num_convs=1, concat_input=False)


WIDTHS = [64, 128, 256, 512]
FPN = {"type": "FPN", "in_channels": WIDTHS, "out_channels": 16, "num_outs": 4}
SE = {"type": "CrossEntropyLoss", "use_sigmoid": True, "loss_weight": 0.2}
ENC = {"num_codes": 5, "use_se_loss": True, "loss_se_decode": SE}

PSP = head("PSPHead", 512, 128, 3, pool_scales=(1, 2, 3, 6))
ENC_HEAD = head("EncHead", WIDTHS[1:], 16, (1, 2, 3), **ENC)
OCR = head("OCRHead", 2048, 16, 3, ocr_channels=8)

MODELS = {  # name: (model, size of the image)
    "fcn_r50d_d8": (model(resnet(50, 8, "ResNetV1d"), fcn(2048, 8, 3)), (41, 57)),
    "ocr_r50_d16": (model(resnet(50, 16), [fcn(1024, 256, 2), OCR]), (41, 57)),
    "psp_r18b": (model(resnet(kind="ResNet"), PSP), SIZE),
    "psp_r18d_corners": (model(resnet(kind="ResNetV1d"), {**PSP, "align_corners": True}), SIZE),
    "enc_r18": (model(resnet(), {**ENC_HEAD, "add_lateral": False}), SIZE),
    "enc_r18_lateral": (model(resnet(), {**ENC_HEAD, "add_lateral": True}), SIZE),
    "da_r18": (model(resnet(), head("DAHead", 512, 64, 3, pam_channels=8), fcn(256, 16, 2)), SIZE),
    "cc_r18": (model(resnet(), head("CCHead", 512, 16, 3, recurrence=2), [fcn(256, 16, 2), fcn(128, 8, 1)]), SIZE),
    "uper_r18": (model(resnet(), head("UPerHead", WIDTHS, 16, [0, 1, 2, 3], pool_scales=(1, 2, 3, 6))), SIZE),
    "fpn_r18": (
        model(resnet(), head("FPNHead", [16] * 4, 8, [0, 1, 2, 3], feature_strides=[4, 8, 16, 32]), neck=FPN),
        (64, 96),
    ),
}
