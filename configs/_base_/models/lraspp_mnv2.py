"""LR-ASPP (https://arxiv.org/abs/1905.02244) on MobileNetV2 at stride 16."""

_base_ = ["lraspp.py"]

model = dict(
    backbone=dict(
        _delete_=True, type="MobileNetV2", variant="1.0", output_stride=16, has_last_conv=False, in_channels=3
    ),
)
