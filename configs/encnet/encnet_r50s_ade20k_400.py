"""EncNet (https://arxiv.org/abs/1803.08904) with ResNet-50-S on ADE20K.

    tools/train.py configs/encnet/encnet_r50s_ade20k_400.py  # 8 images per step, 30 epochs

Expected: 37.3 mIoU, 76.7 pixAcc (ddddddreamcastle/image_semantic_segmentation_package; 40.3 and 77.7 after 50
epochs).
Scored as there, in centre crops.
"""

_base_ = ["../_base_/models/encnet.py", "../_base_/datasets/ade20k_384.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (400, 400)
long_side = 433

model = dict(
    backbone_weights="timm://resnet50s.gluon_in1k",
    backbone=dict(stem="S"),
    auxiliary_head=dict(loss=dict(loss_weight=0.4)),
)
data = dict(batch_size=8)
optimizer = dict(lr=0.002, weight_decay=1e-4, head_lr_mult=10.0)
train = dict(max_epochs=30)
test = dict(mode="crop", window="${crop_size}")
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
