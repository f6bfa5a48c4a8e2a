"""PSPNet (https://arxiv.org/abs/1612.01105) with ResNet-50-S and a JPU on Pascal Context.

    tools/train.py configs/pspnet/pspnet_r50s_jpu_pascal_context.py  # 16 images per step, 80 epochs

Expected: 50.89 mIoU (FastFCN's table).
On 59 classes, the background ignored.
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/pascal_context.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (480, 480)

model = dict(
    backbone_weights="timm://resnet50s.gluon_in1k",
    backbone=dict(variant="50", stem="S", output_stride=32),
    neck=dict(type="JPU", channels=512),
    auxiliary_head=dict(loss=dict(loss_weight=0.2)),
)
optimizer = dict(lr=0.001, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=80)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
