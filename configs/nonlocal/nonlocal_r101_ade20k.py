"""Non-local network (https://arxiv.org/abs/1711.07971) with ResNet-101 on ADE20K.

    tools/train.py configs/nonlocal/nonlocal_r101_ade20k.py  # 16 images per step, 160000 steps

Expected: 44.63 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/nonlocal.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101"))
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
