"""Segmenter (https://arxiv.org/abs/2105.05633) with ViT-S on ADE20K.

    tools/train.py configs/segmenter/segmenter_vit_s_ade20k.py  # 8 images per step, 160000 steps

Expected: 46.19 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/segmenter.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone=dict(variant="small"), backbone_weights="timm://vit_small_patch16_384.augreg_in21k_ft_in1k")
optimizer = dict(lr=0.001, weight_decay=0.0)
train = dict(max_steps=160000)
data = dict(batch_size=8)
test = dict(mode="slide", window=(512, 512), stride=(480, 480))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
