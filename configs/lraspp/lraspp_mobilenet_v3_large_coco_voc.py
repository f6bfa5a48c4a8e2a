"""LR-ASPP (https://arxiv.org/abs/1905.02244) with MobileNetV3-Large on COCO with VOC's classes.

    tools/train.py configs/lraspp/lraspp_mobilenet_v3_large_coco_voc.py  # 32 images per step, 30 epochs

Expected: 57.9 mIoU, 91.2 pixAcc (torchvision, all of val2017 with labels resized to a short side of 520).
configs/_base_/datasets/coco_voc.py says how to score the same images.
"""

_base_ = ["../_base_/models/lraspp.py", "../_base_/datasets/coco_voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://mobilenet_v3_large")
optimizer = dict(lr=0.01, weight_decay=1e-6)
train = dict(max_epochs=30)
hooks = dict(evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
