"""PointRend (https://arxiv.org/abs/1912.08193) with ResNet-50 on ADE20K.

    tools/train.py configs/pointrend/pointrend_r50_ade20k.py  # 16 images per step, 160000 steps

Expected: 37.64 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/pointrend.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=160000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=200, warmup_ratio=0.1),
    evaluate=dict(interval=16000),
    checkpoint=dict(interval=16000),
)
