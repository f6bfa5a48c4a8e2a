"""DeepLabV3 (https://arxiv.org/abs/1706.05587) with ResNet-101 on COCO with VOC's classes.

    tools/train.py configs/deeplabv3/deeplabv3_r101_coco_voc.py  # 32 images per step, 30 epochs

Expected: 67.4 mIoU, 92.4 pixAcc (torchvision, all of val2017 with labels resized to a short side of 520).
configs/_base_/datasets/coco_voc.py says how to score the same images.
"""

_base_ = ["../_base_/models/deeplabv3.py", "../_base_/datasets/coco_voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="torchvision://resnet101",
    backbone=dict(variant="101", stem="plain"),
    decode_head=dict(dropout=0.0),
    auxiliary_head=dict(loss=dict(loss_weight=0.5)),
)
optimizer = dict(lr=0.02, weight_decay=1e-4, rules={"auxiliary_heads.*": dict(lr_mult=10.0)})
train = dict(max_epochs=30)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
