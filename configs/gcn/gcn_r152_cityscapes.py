"""GCN (https://arxiv.org/abs/1703.02719) with ResNet-152 on Cityscapes.

    tools/train.py configs/gcn/gcn_r152_cityscapes.py  # 8 images per step, 80000 steps

Expected: 76.9 mIoU (the paper, on the test server; not re-checked).
The schedule is that of the other networks on this data set.
"""

_base_ = ["../_base_/models/gcn.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet152")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
