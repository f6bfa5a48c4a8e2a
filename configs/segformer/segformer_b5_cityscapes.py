"""SegFormer (https://arxiv.org/abs/2105.15203) with Mix Transformer B5 on Cityscapes.

    tools/train.py configs/segformer/segformer_b5_cityscapes.py  # 8 images per step, 160000 steps

Expected: 82.25 mIoU (MMSegmentation's model zoo, 1024x1024, 160k steps, sliding windows).
The ImageNet weights are NVIDIA's, for non-commercial use only; segformer_pvt_v2_b2_ade20k.py begins from free ones.
"""

_base_ = [
    "../_base_/models/segformer_mmseg.py",
    "../_base_/datasets/cityscapes.py",
    "../_base_/schedules/adamw_poly.py",
]

crop_size = (1024, 1024)

model = dict(backbone_weights="hf://nvidia/mit-b5", backbone=dict(variant="b5"))
train = dict(max_steps=160000)
test = dict(mode="slide", window=(1024, 1024), stride=(768, 768))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
