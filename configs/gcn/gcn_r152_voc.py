"""GCN (https://arxiv.org/abs/1703.02719) with ResNet-152 on PASCAL VOC 2012.

    tools/train.py configs/gcn/gcn_r152_voc.py  # 16 images per step, 40000 steps

Expected: 82.2 mIoU (the paper, on the test server, pretrained on COCO; not re-checked).
The schedule is that of the other networks on this data set.
On any other backbone, from its ImageNet weights:
--cfg-options model.backbone_weights=imagenet model.backbone='{"type": "MobileNetV1"}'
"""

_base_ = ["../_base_/models/gcn.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet152")
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
