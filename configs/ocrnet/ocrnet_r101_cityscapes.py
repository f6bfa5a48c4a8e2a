"""OCRNet (https://arxiv.org/abs/1909.11065) with ResNet-101 on Cityscapes.

    tools/train.py configs/ocrnet/ocrnet_r101_cityscapes.py  # 8 images per step, 40000 steps

Expected: 80.09 mIoU (MMSegmentation's model zoo, 512x1024, 40k steps, single scale).
"""

_base_ = ["../_base_/models/ocrnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101", stem="C"))
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
