"""DNLNet (https://arxiv.org/abs/2006.06668) with ResNet-101 on Cityscapes.

    tools/train.py configs/dnlnet/dnlnet_r101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 80.41 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/dnlnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101"))
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
