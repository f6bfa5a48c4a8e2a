"""UPerNet (https://arxiv.org/abs/1807.10221) with Twins-SVT-S on ADE20K.

    tools/train.py configs/upernet/upernet_svt_s_ade20k.py  # 16 images per step, 160000 steps

Expected: 46.08 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/upernet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(type="Twins", variant="svt-small", in_channels=3, drop_path=0.2),
    backbone_weights="timm://twins_svt_small.in1k",
)
optimizer = dict(head_lr_mult=1.0)
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
