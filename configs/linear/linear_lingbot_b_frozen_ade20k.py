"""Linear head (https://arxiv.org/abs/2304.07193) with LingBot-Vision's ViT-B, frozen, on ADE20K.

    tools/train.py configs/linear/linear_lingbot_b_frozen_ade20k.py  # 16 images per step, 40000 steps

Expected: no published number was found for this setting.
Needs timm 1.0.31. The recipe is that of linear_dinov3_b_frozen_ade20k.py.
"""

_base_ = "linear_dinov3_b_frozen_ade20k.py"

model = dict(backbone=dict(name="vit_base_patch16_lingbot.robbyant"))
