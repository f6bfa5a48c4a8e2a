"""SegNeXt (https://arxiv.org/abs/2209.08575) with MSCAN-T on ADE20K.

    tools/train.py configs/segnext/segnext_t_ade20k.py  # 16 images per step, 160000 steps

Expected: 41.50 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
"""

_base_ = ["../_base_/models/segnext.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone_weights="https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segnext/mscan_t_20230227-119e8c9f.pth",
)
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
