"""EoMT (https://arxiv.org/abs/2503.19108) with LingBot-Vision's ViT-B on ADE20K, by LightlyTrain's recipe.

    tools/train.py configs/eomt/eomt_b_lingbot_ade20k.py  # 16 images per step, 40000 steps

Expected: no published number was found for this setting.
Needs timm 1.0.31. LingBot-Vision has the network of DINOv3, and a free licence (Apache-2.0).
"""

_base_ = "eomt_b_dinov3_ade20k.py"

model = dict(backbone=dict(name="vit_base_patch16_lingbot.robbyant"))
