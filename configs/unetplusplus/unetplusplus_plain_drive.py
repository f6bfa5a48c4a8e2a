"""U-Net++ (https://arxiv.org/abs/1807.10165) with its own encoder on DRIVE.

    tools/train.py configs/unetplusplus/unetplusplus_plain_drive.py  # 16 images per step, 40000 steps

Expected: no number on this data set was found; the U-Net of unet_plain_drive.py has 78.67 Dice.
The paper's own data sets (nuclei, polyps, livers, lung nodules) are not public as one download. From scratch.
"""

_base_ = ["../_base_/models/unetplusplus.py", "../_base_/datasets/drive.py", "../_base_/schedules/sgd_poly.py"]

train = dict(max_steps=40000)
test = dict(mode="slide", window=(64, 64), stride=(42, 42))
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
