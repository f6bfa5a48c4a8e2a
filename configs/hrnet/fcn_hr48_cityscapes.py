"""HRNet (https://arxiv.org/abs/1908.07919) with HRNet-W48 on Cityscapes.

    tools/train.py configs/hrnet/fcn_hr48_cityscapes.py  # 8 images per step, 160000 steps

Expected: 80.65 mIoU (MMSegmentation's model zoo, 512x1024, 160k steps, single scale).
"""

_base_ = ["../_base_/models/fcn_hr18.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://hrnet_w48.ms_in1k", backbone=dict(variant="48"), decode_head=dict(channels=720))
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
