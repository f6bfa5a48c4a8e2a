"""RefineNet (https://arxiv.org/abs/1611.06612) with ResNet-152 on ADE20K.

    tools/train.py configs/refinenet/refinenet_r152_ade20k.py  # 16 images per step, 160000 steps

Expected: 40.70 mIoU (the paper, multi-scale).
The schedule is that of the other networks on this data set; the paper lowers the learning rate by hand.
"""

_base_ = ["../_base_/models/refinenet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet152", backbone=dict(variant="152"))
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
