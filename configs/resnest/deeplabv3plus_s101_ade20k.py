"""DeepLabV3+ (https://arxiv.org/abs/1802.02611) with ResNeSt-101 (https://arxiv.org/abs/2004.08955) on ADE20K.

    tools/train.py configs/resnest/deeplabv3plus_s101_ade20k.py  # 16 images per step, 160000 steps

Expected: 46.47 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = [
    "../_base_/models/deeplabv3plus_mmseg.py",
    "../_base_/datasets/ade20k.py",
    "../_base_/schedules/sgd_poly.py",
]

model = dict(
    backbone_weights="timm://resnest101e.in1k",
    backbone=dict(_delete_=True, type="ResNeSt", variant="101", output_stride=8, in_channels=3),
)
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
