"""CCNet (https://arxiv.org/abs/1811.11721) with ResNet-101-S on Cityscapes.

    tools/train.py configs/ccnet/ccnet_r101s_cityscapes.py  # 8 images per step, 60000 steps

Expected: 78.40 to 79.74 mIoU (three runs of the authors' code, recurrence 2, single scale).
"""

_base_ = ["../_base_/models/ccnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (769, 769)

model = dict(backbone_weights="timm://resnet101s.gluon_in1k")
optimizer = dict(weight_decay=1e-4)
train = dict(max_steps=60000)
hooks = dict(evaluate=dict(interval=6000), checkpoint=dict(interval=6000))
