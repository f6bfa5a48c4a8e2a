"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) with ResNeSt-101 (https://arxiv.org/abs/2004.08955) on Cityscapes.

    tools/train.py configs/resnest/deeplabv3plus_s101_cityscapes.py  # 8 images per step, 80000 steps

Expected: 79.62 mIoU (MMSegmentation's model zoo, 512x1024, 80k steps, single scale).
"""

_base_ = [
    "../_base_/models/deeplabv3plus_mmseg.py",
    "../_base_/datasets/cityscapes.py",
    "../_base_/schedules/sgd_poly.py",
]

model = dict(
    backbone_weights="timm://resnest101e.in1k",
    backbone=dict(_delete_=True, type="ResNeSt", variant="101", output_stride=8, in_channels=3),
)
train = dict(max_steps=80000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
