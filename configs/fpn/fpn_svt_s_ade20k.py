"""Semantic FPN (https://arxiv.org/abs/1901.02446) with Twins-SVT-S on ADE20K.

    tools/train.py configs/fpn/fpn_svt_s_ade20k.py  # 32 images per step, 80000 steps

Expected: 44.47 mIoU (MMSegmentation's model zoo, 512x512, 80k steps, single scale).
"""

_base_ = ["../_base_/models/fpn.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(type="Twins", variant="svt-small", in_channels=3, drop_path=0.2),
    backbone_weights="timm://twins_svt_small.in1k",
)
optimizer = dict(lr=1e-4, weight_decay=1e-4, head_lr_mult=1.0)
train = dict(max_steps=80000)
data = dict(batch_size=32)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
