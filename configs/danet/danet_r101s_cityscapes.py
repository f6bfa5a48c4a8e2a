"""DANet (https://arxiv.org/abs/1809.02983) with ResNet-101-S on Cityscapes.

    tools/train.py configs/danet/danet_r101s_cityscapes.py  # 16 images per step, 120 epochs

Expected: 78.83 mIoU (openseg, as AceCoooool/pytorch-cv quotes it; its own row is empty).
Its batch size was not published; this is the one of its other runs.
"""

_base_ = ["../_base_/models/danet.py", "../_base_/datasets/cityscapes_768.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="timm://resnet101s.gluon_in1k",
    backbone=dict(variant="101", stem="S"),
    auxiliary_head=dict(loss=dict(loss_weight=0.5)),
)
data = dict(batch_size=16)
optimizer = dict(lr=0.02, weight_decay=1e-4, head_lr_mult=10.0)  # 0.01 for 8 images
train = dict(max_epochs=120)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
