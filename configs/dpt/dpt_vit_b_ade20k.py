"""DPT (https://arxiv.org/abs/2103.13413) with ViT-B on ADE20K.

    tools/train.py configs/dpt/dpt_vit_b_ade20k.py  # 16 images per step, 160000 steps

Expected: 46.97 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/dpt.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

optimizer = dict(head_lr_mult=1.0)
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
