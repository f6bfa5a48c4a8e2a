"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) with Xception-65 on PASCAL VOC 2012.

    tools/train.py configs/deeplabv3plus/deeplabv3plus_xception65_voc.py  # 16 images per step, 30000 steps

Expected: 82.20 mIoU (TensorFlow's DeepLab model zoo, stride 16, single scale), pretrained on ImageNet and COCO.
From ImageNet weights alone expect several points less. The rate is DeepLabV3's (0.007, poly 0.9), the decay that of
the authors' code.
On any other backbone, from its ImageNet weights:
--cfg-options model.backbone_weights=imagenet model.backbone='{"type": "MobileNetV1", "output_stride": 16}'
"""

_base_ = ["../_base_/models/deeplabv3plus.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (513, 513)

# The published number begins from weights of ImageNet and COCO; these are of ImageNet alone.
model = dict(backbone_weights="timm://xception65.tf_in1k")
optimizer = dict(lr=0.007, weight_decay=4e-5)
train = dict(max_steps=30000)
hooks = dict(evaluate=dict(interval=3000), checkpoint=dict(interval=3000))
