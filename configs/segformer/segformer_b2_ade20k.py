"""SegFormer (https://arxiv.org/abs/2105.15203) with Mix Transformer B2 on ADE20K.

    tools/train.py configs/segformer/segformer_b2_ade20k.py  # 16 images per step, 160000 steps

Expected: 45.58 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
The ImageNet weights are NVIDIA's, for non-commercial use only; segformer_pvt_v2_b2_ade20k.py begins from free ones.
"""

_base_ = ["../_base_/models/segformer_mmseg.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(backbone_weights="hf://nvidia/mit-b2", backbone=dict(variant="b2"))
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
