"""Mask2Former (https://arxiv.org/abs/2112.01527) with Swin-S on ADE20K.

    tools/train.py configs/mask2former/mask2former_swin_s_ade20k.py  # 16 images per step, 160000 steps

Expected: 51.24 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = "mask2former_r50_ade20k.py"

model = dict(
    backbone=dict(_delete_=True, type="Swin", variant="small", in_channels=3, window=7, drop_path=0.3, map_norm=1e-5),
    backbone_weights="timm://swin_small_patch4_window7_224.ms_in1k",
    norm=None,
)
