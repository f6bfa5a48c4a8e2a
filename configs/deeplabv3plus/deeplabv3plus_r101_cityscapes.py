"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) with ResNet-101 on Cityscapes.

    tools/train.py configs/deeplabv3plus/deeplabv3plus_r101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 80.97 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
MMSegmentation's head is 512 channels wide; this one has the paper's 256.
"""

_base_ = ["../_base_/models/deeplabv3plus.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="timm://resnet101c.gluon_in1k",
    backbone=dict(type="ResNet", variant="101", stem="C", output_stride=8, in_channels=3),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
