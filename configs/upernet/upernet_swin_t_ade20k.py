"""UPerNet (https://arxiv.org/abs/1807.10221) with Swin-T on ADE20K.

    tools/train.py configs/upernet/upernet_swin_t_ade20k.py  # 16 images per step, 160000 steps

Expected: 44.41 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/upernet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(type="Swin", variant="tiny", in_channels=3, window=7, drop_path=0.3, map_norm=1e-5),
    backbone_weights="timm://swin_tiny_patch4_window7_224.ms_in1k",
)
optimizer = dict(head_lr_mult=1.0)
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
