"""Linear head (https://arxiv.org/abs/2304.07193) with DINOv2's ViT-B, frozen, on ADE20K.

    tools/train.py configs/linear/linear_dinov2_b_frozen_ade20k.py  # 16 images per step, 40000 steps

Expected: 45.8 mIoU (tue-mps/benchmark-vfm-ss, issue 1, 512x512, https://arxiv.org/abs/2404.12172).
The recipe of linear_dinov2_b_ade20k.py, but only the head learns: 7.6 mIoU less, in a third of the time.
"""

_base_ = "linear_dinov2_b_ade20k.py"

model = dict(freeze_backbone=True)
