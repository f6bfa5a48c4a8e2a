"""RefineNet (https://arxiv.org/abs/1611.06612) with ResNet-152 on PASCAL VOC 2012.

    tools/train.py configs/refinenet/refinenet_r152_voc.py  # 16 images per step, 40000 steps

Expected: 83.4 mIoU (the paper, on the test server, pretrained on COCO, multi-scale).
The schedule is that of the other networks on this data set; the paper lowers the learning rate by hand.
"""

_base_ = ["../_base_/models/refinenet.py", "../_base_/datasets/voc.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet152", backbone=dict(variant="152"))
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
