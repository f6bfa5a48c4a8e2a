"""PointRend (https://arxiv.org/abs/1912.08193) with ResNet-101 on Cityscapes.

    tools/train.py configs/pointrend/pointrend_r101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 78.30 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/pointrend.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101"))
train = dict(max_steps=80000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=200, warmup_ratio=0.1),
    evaluate=dict(interval=8000),
    checkpoint=dict(interval=8000),
)
