"""OCRNet (https://arxiv.org/abs/1909.11065) with ResNet-101 on PASCAL VOC 2012.

    tools/train.py configs/ocrnet/ocrnet_r101_voc.py  # 16 images per step, 40000 steps

Expected: no number was found for this setting.
The schedule is that of the other networks on this data set.
"""

_base_ = ["../_base_/models/ocrnet.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101", stem="C"))
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
