"""STDC1 (https://arxiv.org/abs/2104.13188) on Cityscapes.

    tools/train.py configs/stdc/stdc1_cityscapes.py  # 48 images per step, 80000 steps

Expected: 74.94 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
Beside the classes, the head learns the details of the map of stride 8: the borders between classes.
"""

_base_ = ["../_base_/models/stdc.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/stdc/stdc1_20220308-5368626c.pth",
    backbone=dict(variant="1"),
)
data = dict(batch_size=48)
train = dict(max_steps=80000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=1000, warmup_ratio=0.1),
    evaluate=dict(interval=8000),
    checkpoint=dict(interval=8000),
)
