"""CCNet (https://arxiv.org/abs/1811.11721) with ResNet-101-S and a JPU on PASCAL VOC 2012.

    tools/train.py configs/ccnet/ccnet_r101s_jpu_voc.py  # 32 images per step, 50 epochs

Expected: no number was published for this row of AceCoooool/pytorch-cv.
Its batch size was not published; this is the one of its other runs.
"""

_base_ = ["../_base_/models/ccnet.py", "../_base_/datasets/voc_480.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="timm://resnet101s.gluon_in1k",
    backbone=dict(variant="101", stem="S", output_stride=32),
    neck=dict(type="JPU", channels=512),
    auxiliary_head=dict(loss=dict(loss_weight=0.5)),
)
data = dict(batch_size=32)
optimizer = dict(lr=0.004, weight_decay=1e-4, head_lr_mult=10.0)  # 0.001 for 8 images
train = dict(max_epochs=50)
hooks = dict(
    lr_schedule=dict(warmup_steps=200, warmup_ratio=0.01), evaluate=dict(interval=2000), checkpoint=dict(interval=2000)
)
