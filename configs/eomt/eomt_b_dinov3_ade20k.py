"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv3's ViT-B on ADE20K, by LightlyTrain's recipe.

    tools/train.py configs/eomt/eomt_b_dinov3_ade20k.py  # 16 images per step, 40000 steps

Expected: 54.4 mIoU (https://docs.lightly.ai/train, version 0.11.3). The weights of DINOv3 have a
licence of their own. LingBot-Vision's network is the same, with free weights: name="vit_base_patch16_lingbot.robbyant".
"""

_base_ = "eomt_s_dinov2_ade20k.py"

model = dict(backbone=dict(name="vit_base_patch16_dinov3.lvd1689m"))
train = dict(max_steps=40000)
