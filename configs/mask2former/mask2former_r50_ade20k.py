"""Mask2Former (https://arxiv.org/abs/2112.01527) with ResNet-50 on ADE20K.

    tools/train.py configs/mask2former/mask2former_r50_ade20k.py  # 16 images per step, 160000 steps

Expected: 47.87 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/mask2former.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_masks.py"]

model = dict(backbone_weights="torchvision://resnet50")
train = dict(max_steps=160000)
test = dict(divisor=32)
hooks = dict(evaluate=dict(interval=5000), checkpoint=dict(interval=5000))
