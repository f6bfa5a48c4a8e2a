"""OCNet (https://arxiv.org/abs/1809.00916) with ResNet-101-S on Cityscapes.

    tools/train.py configs/ocnet/ocnet_r101s_cityscapes.py  # 8 images per step, 40000 steps

Expected: 79.67 mIoU (openseg, whole images).
"""

_base_ = ["../_base_/models/ocnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (769, 769)

model = dict(backbone_weights="timm://resnet101s.gluon_in1k")
optimizer = dict(weight_decay=5e-4)
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
