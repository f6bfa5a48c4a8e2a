"""MMSegmentation's DeepLabV3+: ResNet-50 at stride 8, 512 channels, and a pyramid that is mixed by 3x3."""

_base_ = ["deeplabv3plus.py"]

model = dict(
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    decode_head=dict(channels=512, mix_kernel=3),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
