"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv2's ViT-L on ADE20K.

    tools/train.py configs/eomt/eomt_l_dinov2_ade20k.py  # 16 images per step, 31 epochs

Expected: 58.4 mIoU, single scale (https://github.com/tue-mps/eomt, model_zoo).
"""

_base_ = "eomt_s_dinov2_ade20k.py"

model = dict(backbone=dict(name="vit_large_patch14_reg4_dinov2.lvd142m"), decode_head=dict(num_blocks=4))
