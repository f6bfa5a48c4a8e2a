"""Semantic FPN (https://arxiv.org/abs/1901.02446) with PoolFormer-S12 on ADE20K.

    tools/train.py configs/fpn/fpn_poolformer_s12_ade20k.py  # 32 images per step, 40000 steps

Expected: 36.68 mIoU (MMSegmentation's model zoo, 512x512, 40k steps, single scale).
"""

_base_ = ["../_base_/models/fpn.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(type="PoolFormer", variant="s12", in_channels=3, map_norm=True),
    backbone_weights="timm://poolformer_s12.sail_in1k",
)
optimizer = dict(lr=2e-4, weight_decay=1e-4, head_lr_mult=1.0)
train = dict(max_steps=40000)
data = dict(batch_size=32)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
