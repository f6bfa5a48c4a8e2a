"""EncNet (https://arxiv.org/abs/1803.08904) with ResNet-50-S on ADE20K.

    tools/train.py configs/encnet/encnet_r50s_ade20k_400_background.py  # 8 images per step, 30 epochs

Expected: no number was published with the background (ddddddreamcastle/image_semantic_segmentation_package).
Scored as there, in centre crops. The background is a class, the first of 151.
"""

_base_ = ["../_base_/models/encnet.py", "../_base_/datasets/ade20k_384.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (400, 400)
long_side = 433

model = dict(
    backbone_weights="timm://resnet50s.gluon_in1k",
    backbone=dict(stem="S"),
    auxiliary_head=dict(loss=dict(loss_weight=0.4)),
)
data = dict(train=dict(use_background=True), val=dict(use_background=True), batch_size=8)
optimizer = dict(lr=0.002, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=30)
test = dict(mode="crop", window="${crop_size}")
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
