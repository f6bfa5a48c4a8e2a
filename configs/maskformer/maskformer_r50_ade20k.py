"""MaskFormer (https://arxiv.org/abs/2107.06278) with ResNet-50 on ADE20K.

    tools/train.py configs/maskformer/maskformer_r50_ade20k.py  # 16 images per step, 160000 steps

Expected: 44.29 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/maskformer.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_masks.py"]

model = dict(backbone_weights="torchvision://resnet50")
optimizer = dict(weight_decay=1e-4, decay_norms=True, rules=dict(_delete_=True))
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
