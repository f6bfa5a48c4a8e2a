"""PSPNet (https://arxiv.org/abs/1612.01105) with ResNet-18 on Cityscapes.

    tools/train.py configs/pspnet/pspnet_r18_cityscapes.py  # 8 images per step, 80000 steps

Expected: 74.87 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(
    backbone_weights="https://download.openmmlab.com/pretrain/third_party/resnet18_v1c-b5776b93.pth",
    backbone=dict(variant="18", dilate_second=False),
    decode_head=dict(channels=128),
)
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
