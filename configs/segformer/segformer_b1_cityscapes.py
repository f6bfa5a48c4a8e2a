"""SegFormer (https://arxiv.org/abs/2105.15203) with Mix Transformer B1 on Cityscapes.

    tools/train.py configs/segformer/segformer_b1_cityscapes.py  # 8 images per step, 160000 steps

Expected: 78.56 mIoU (MMSegmentation's model zoo, 1024x1024, 160k steps, sliding windows).
"""

_base_ = ["../_base_/models/segformer.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/adamw_poly.py"]

crop_size = (1024, 1024)

# The published number begins from ImageNet weights: --cfg-options model.backbone_weights=PATH
model = dict(backbone_weights=None, backbone=dict(variant="b1"))
train = dict(max_steps=160000)
test = dict(mode="slide", window=(1024, 1024), stride=(768, 768))
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
