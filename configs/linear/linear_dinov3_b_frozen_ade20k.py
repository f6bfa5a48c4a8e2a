"""Linear head (https://arxiv.org/abs/2304.07193) with DINOv3's ViT-B, frozen, on ADE20K.

    tools/train.py configs/linear/linear_dinov3_b_frozen_ade20k.py  # 16 images per step, 40000 steps

Expected: 51.8 mIoU (DINOv3's model card, 512x512, https://arxiv.org/abs/2508.10104).
Needs timm. These weights have a licence of their own (dinov3-license): docs/timm.md says what it asks for.
LingBot-Vision (linear_lingbot_b_frozen_ade20k.py) is the same network under Apache-2.0.
"""

_base_ = ["../_base_/models/linear.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(freeze_backbone=True, backbone=dict(name="vit_base_patch16_dinov3.lvd1689m", pretrained=True))
optimizer = dict(lr=1e-3, weight_decay=1e-3, head_lr_mult=1.0)
train = dict(max_steps=40000)
test = dict(mode="slide", window=(512, 512), stride=(341, 341))
hooks = dict(lr_schedule=dict(type="CosineLR", warmup_steps=1500, warmup_ratio=1e-6))
