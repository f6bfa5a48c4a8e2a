"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) on ResNet-50 at stride 16."""

_base_ = ["deeplabv3plus.py"]

model = dict(backbone=dict(_delete_=True, type="ResNet", variant="50", stem="plain", output_stride=16, in_channels=3))
