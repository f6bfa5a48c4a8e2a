"""Semantic FPN (https://arxiv.org/abs/1901.02446) with RepViT-M1.1 on ADE20K.

    tools/train.py configs/fpn/fpn_repvit_m1_1_ade20k.py  # 32 images per step, 40000 steps

Expected: 40.6 mIoU (THU-MIG/RepViT, 512x512, 40k steps, https://arxiv.org/abs/2307.09283).
Needs timm. A network for phones: 4.9 ms on an iPhone 12 for the backbone, as its authors measured it.
"""

_base_ = ["../_base_/models/fpn.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(backbone=dict(type="Timm", name="repvit_m1_1.dist_300e_in1k", pretrained=True, in_channels=3))
data = dict(batch_size=32)
optimizer = dict(lr=2e-4, weight_decay=1e-4, head_lr_mult=1.0, decay_norms=True, decay_biases=True)
train = dict(max_steps=40000)
hooks = dict(lr_schedule=dict(power=0.9, min_lr=1e-6, warmup_steps=0))
