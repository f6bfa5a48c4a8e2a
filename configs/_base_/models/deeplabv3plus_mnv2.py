"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) on MobileNetV2 at stride 16: light enough to train without a GPU."""

_base_ = ["deeplabv3plus.py"]

model = dict(
    backbone=dict(
        _delete_=True, type="MobileNetV2", variant="1.0", output_stride=16, has_last_conv=False, in_channels=3
    ),
    decode_head=dict(channels=96, rates=(3, 6, 9), dropout=0.0),
)
