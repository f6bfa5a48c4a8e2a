"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) on ResNet-101 at stride 16."""

_base_ = ["deeplabv3plus_r50.py"]

model = dict(backbone=dict(variant="101"))
