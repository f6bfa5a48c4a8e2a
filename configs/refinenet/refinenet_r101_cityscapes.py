"""RefineNet (https://arxiv.org/abs/1611.06612) with ResNet-101 on Cityscapes.

    tools/train.py configs/refinenet/refinenet_r101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 73.6 mIoU (the paper, on the test server).
The schedule is that of the other networks on this data set; the paper lowers the learning rate by hand.
"""

_base_ = ["../_base_/models/refinenet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet101")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
