"""GCNet (https://arxiv.org/abs/1904.11492) with ResNet-50 on ADE20K.

    tools/train.py configs/gcnet/gcnet_r50_ade20k.py  # 16 images per step, 160000 steps

Expected: 42.37 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/gcnet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
