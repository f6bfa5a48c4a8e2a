"""ISANet (https://arxiv.org/abs/1907.12273) with ResNet-50 on Cityscapes.

    tools/train.py configs/isanet/isanet_r50_cityscapes.py  # 8 images per step, 80000 steps

Expected: 78.68 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/isanet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone_weights="timm://resnet50c.gluon_in1k")
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
