"""EncNet (https://arxiv.org/abs/1803.08904) with ResNet-101-S and a JPU on Pascal Context.

    tools/train.py configs/encnet/encnet_r101s_jpu_pascal_context.py  # 16 images per step, 80 epochs

Expected: 54.03 mIoU (FastFCN's table, multi-scale).
On 59 classes, the background ignored.
"""

_base_ = ["../_base_/models/encnet.py", "../_base_/datasets/pascal_context.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (480, 480)

model = dict(
    backbone_weights="timm://resnet101s.gluon_in1k",
    backbone=dict(variant="101", stem="S", output_stride=32),
    neck=dict(type="JPU", channels=512),
    decode_head=dict(kernel=1),
    auxiliary_head=dict(loss=dict(loss_weight=0.2)),
)
optimizer = dict(lr=0.001, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=80)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
