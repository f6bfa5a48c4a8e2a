"""DeepLabV3 (https://arxiv.org/abs/1706.05587) with ResNet-101 on PASCAL VOC 2012.

    tools/train.py configs/deeplabv3/deeplabv3_r101_voc.py  # 16 images per step, 40000 steps

Expected: 77.92 mIoU (MMSegmentation's model zoo, 512x512, 40k steps, single scale).
"""

_base_ = ["../_base_/models/deeplabv3_mmseg.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet101c.gluon_in1k", backbone=dict(variant="101"))
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
