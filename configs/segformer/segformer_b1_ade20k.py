"""SegFormer (https://arxiv.org/abs/2105.15203) with Mix Transformer B1 on ADE20K.

    tools/train.py configs/segformer/segformer_b1_ade20k.py  # 16 images per step, 160000 steps

Expected: 40.97 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/segformer.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

# The published number begins from ImageNet weights: --cfg-options model.backbone_weights=PATH
model = dict(backbone_weights=None, backbone=dict(variant="b1"))
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
