"""FCN (https://arxiv.org/abs/1411.4038) with ResNet-101-S and a JPU on Cityscapes.

    tools/train.py configs/fcn/fcn_r101s_jpu_cityscapes.py  # 32 images per step, 120 epochs

Expected: 78.61 mIoU, 96.18 pixAcc (AceCoooool/pytorch-cv, whole images; centre crops of 768: 73.60, 96.29).
"""

_base_ = ["../_base_/models/fcn_r50.py", "../_base_/datasets/cityscapes_768.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="timm://resnet101s.gluon_in1k",
    backbone=dict(variant="101", stem="S", output_stride=32),
    neck=dict(type="JPU", channels=512),
    auxiliary_head=dict(loss=dict(loss_weight=0.5)),
)
data = dict(batch_size=32)
optimizer = dict(lr=0.04, weight_decay=1e-4, head_lr_mult=10.0)  # 0.01 for 8 images
train = dict(max_epochs=120)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
