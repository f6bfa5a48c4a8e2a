"""FCN (https://arxiv.org/abs/1411.4038) with ResNet-101-S and a JPU on PASCAL VOC 2012.

    tools/train.py configs/fcn/fcn_r101s_jpu_voc.py  # 64 images per step, 50 epochs

Expected: 76.89 mIoU, 94.50 pixAcc (AceCoooool/pytorch-cv, whole images; centre crops of 480: 78.31, 94.54).
"""

_base_ = ["../_base_/models/fcn_r50.py", "../_base_/datasets/voc_480.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="timm://resnet101s.gluon_in1k",
    backbone=dict(variant="101", stem="S", output_stride=32),
    neck=dict(type="JPU", channels=512),
    auxiliary_head=dict(loss=dict(loss_weight=0.5)),
)
data = dict(batch_size=64)
optimizer = dict(lr=0.008, weight_decay=1e-4, head_lr_mult=10.0)  # 0.001 for 8 images
train = dict(max_epochs=50)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
