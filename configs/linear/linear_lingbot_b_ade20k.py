"""Linear head (https://arxiv.org/abs/2304.07193) with LingBot-Vision's ViT-B, trained end to end, on ADE20K.

    tools/train.py configs/linear/linear_lingbot_b_ade20k.py  # 16 images per step, 40000 steps

Expected: no published number was found for this setting.
Needs timm 1.0.31. LingBot-Vision has the network of DINOv3, and a free licence (Apache-2.0). The recipe is that of
linear_dinov2_b_ade20k.py.
"""

_base_ = "linear_dinov2_b_ade20k.py"

model = dict(backbone=dict(name="vit_base_patch16_lingbot.robbyant", model_arguments=dict(_delete_=True)))
