"""U-Net (https://arxiv.org/abs/1505.04597) with ResNet-34 on PASCAL VOC 2012.

    tools/train.py configs/unet/unet_r34_voc.py  # 16 images per step, 40000 steps

Expected: no published number was found for this setting.
On any other backbone, from its ImageNet weights:
--cfg-options model.backbone_weights=imagenet model.backbone='{"type": "MobileNetV1"}'
"""

_base_ = ["../_base_/models/unet_r34.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet34")
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
