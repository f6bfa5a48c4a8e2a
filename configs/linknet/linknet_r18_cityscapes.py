"""LinkNet (https://arxiv.org/abs/1707.03718) with ResNet-18 on Cityscapes.

    tools/train.py configs/linknet/linknet_r18_cityscapes.py  # 8 images per step, 80000 steps

Expected: 76.4 mIoU (the paper, at 512x1024; not re-checked).
The paper halves the images and trains with RMSprop; the schedule here is that of the other networks.
"""

_base_ = ["../_base_/models/linknet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="torchvision://resnet18")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
