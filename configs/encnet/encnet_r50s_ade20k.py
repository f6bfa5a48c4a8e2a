"""EncNet (https://arxiv.org/abs/1803.08904) with ResNet-50-S on ADE20K.

    tools/train.py configs/encnet/encnet_r50s_ade20k.py  # 16 images per step, 120 epochs

Expected: 41.11 mIoU, 79.73 pixAcc (the paper; multi-scale in FastFCN's table).
"""

_base_ = ["../_base_/models/encnet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (480, 480)
short_side = 520

model = dict(
    backbone_weights="timm://resnet50s.gluon_in1k",
    backbone=dict(variant="50", stem="S"),
    auxiliary_head=dict(loss=dict(loss_weight=0.2)),
)
optimizer = dict(lr=0.01, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=120)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
