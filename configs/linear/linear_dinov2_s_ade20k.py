"""Linear head (https://arxiv.org/abs/2304.07193) with DINOv2's ViT-S/14 on ADE20K.

    tools/train.py configs/linear/linear_dinov2_s_ade20k.py  # 16 images per step, 40000 steps

Expected: 47.2 mIoU (DINOv2's model card, multi-scale).
Needs timm. The rates are those published for DINOv3's linear head, which also has a batch norm.
"""

_base_ = ["../_base_/models/linear.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(freeze_backbone=True, backbone=dict(pretrained=True))
optimizer = dict(lr=1e-3, weight_decay=1e-3, head_lr_mult=1.0)
train = dict(max_steps=40000)
test = dict(mode="slide", window=(512, 512), stride=(341, 341), scales=(0.5, 0.75, 1.0, 1.25, 1.5, 1.75), flip=True)
