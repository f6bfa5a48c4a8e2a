"""ICNet (https://arxiv.org/abs/1704.08545) with ResNet-18 on Cityscapes, from scratch.

    tools/train.py configs/icnet/icnet_r18_cityscapes.py  # 8 images per step, 160000 steps

Expected: 71.64 mIoU (MMSegmentation's model zoo, 832x832, 160k steps, single scale).
With a ResNet that was trained on ImageNet it reached 74.43.
"""

_base_ = ["../_base_/models/icnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (832, 832)

model = dict(backbone=dict(variant="18"))
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
