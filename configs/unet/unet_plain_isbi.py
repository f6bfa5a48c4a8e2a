"""U-Net (https://arxiv.org/abs/1505.04597), half as wide and with batch norm, on the membranes of ISBI 2012.

    tools/train.py configs/unet/unet_plain_isbi.py  # 4 images per step, 300 steps

Expected: 67.9 IoU and 80.9 F-score of the membranes on the last 6 of 30 slices, mean of three seeds (our own
measurement, docs/results.md).
"""

_base_ = ["../_base_/models/unet.py", "../_base_/datasets/isbi.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    mean=125,
    std=44,
    backbone=dict(variant="32", in_channels=1),
    decode_head=dict(out_channels=1, loss=[dict(type="BCEWithLogitsLoss"), dict(type="DiceLoss")]),
)
optimizer = dict(lr=2e-3, head_lr_mult=1.0)
train = dict(max_steps=300)
hooks = dict(lr_schedule=dict(power=0.9, warmup_steps=50), evaluate=dict(interval=150), checkpoint=dict(interval=150))
