"""PSPNet (https://arxiv.org/abs/1612.01105) with ResNet-50-S on ADE20K.

    tools/train.py configs/pspnet/pspnet_r50s_ade20k_384_background.py  # 12 images per step, 30 epochs

Expected: 35.3 mIoU, 72.19 pixAcc (ddddddreamcastle/image_semantic_segmentation_package).
Scored as there, in centre crops. The background is a class, the first of 151.
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/ade20k_384.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50s.gluon_in1k", backbone=dict(stem="S"))
data = dict(train=dict(use_background=True), val=dict(use_background=True), batch_size=12)
optimizer = dict(lr=0.003, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=30)
test = dict(mode="crop", window="${crop_size}")
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
