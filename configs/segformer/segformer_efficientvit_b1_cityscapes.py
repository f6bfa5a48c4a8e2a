"""SegFormer's head (https://arxiv.org/abs/2105.15203) with EfficientViT-B1 on Cityscapes.

    tools/train.py configs/segformer/segformer_efficientvit_b1_cityscapes.py  # 16 images per step, 80000 steps

Expected: no published number was found for this setting (the paper's B1, which has another head, has 80.5 mIoU).
Needs timm. EfficientViT: https://arxiv.org/abs/2205.14756. Its attention is linear in the number of pixels.
"""

_base_ = ["../_base_/models/segformer.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(_delete_=True, type="Timm", name="efficientvit_b1.r256_in1k", pretrained=True, in_channels=3)
)
data = dict(batch_size=16)
optimizer = dict(lr=2e-4, weight_decay=0.05, head_lr_mult=5.0)
train = dict(max_steps=80000)
hooks = dict(evaluate=dict(interval=8000), checkpoint=dict(interval=8000))
