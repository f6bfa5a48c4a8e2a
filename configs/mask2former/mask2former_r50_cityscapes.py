"""Mask2Former (https://arxiv.org/abs/2112.01527) with ResNet-50 on Cityscapes.

    tools/train.py configs/mask2former/mask2former_r50_cityscapes.py  # 16 images per step, 90000 steps

Expected: 80.44 mIoU (MMSegmentation's model zoo, 512x1024, 90k steps, single scale).
"""

_base_ = ["../_base_/models/mask2former.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/adamw_masks.py"]

model = dict(backbone_weights="torchvision://resnet50")
data = dict(batch_size=16)
train = dict(max_steps=90000)
test = dict(divisor=32)
hooks = dict(evaluate=dict(interval=5000), checkpoint=dict(interval=5000))
