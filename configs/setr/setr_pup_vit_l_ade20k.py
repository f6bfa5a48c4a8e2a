"""SETR-PUP (https://arxiv.org/abs/2012.15840) with ViT-L on ADE20K.

    tools/train.py configs/setr/setr_pup_vit_l_ade20k.py  # 16 images per step, 160000 steps

Expected: 48.24 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/setr_pup.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

optimizer = dict(lr=0.001, weight_decay=0.0, head_lr_mult=10.0)
train = dict(max_steps=160000)
test = dict(mode="slide", window=(512, 512), stride=(341, 341))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
