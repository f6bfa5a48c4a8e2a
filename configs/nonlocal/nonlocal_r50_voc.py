"""Non-local network (https://arxiv.org/abs/1711.07971) with ResNet-50 on PASCAL VOC 2012.

    tools/train.py configs/nonlocal/nonlocal_r50_voc.py  # 16 images per step, 40000 steps

Expected: 76.65 mIoU (MMSegmentation's model zoo, 512x512, 40k steps, single scale).
"""

_base_ = ["../_base_/models/nonlocal.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
