"""U-Net (https://arxiv.org/abs/1505.04597) with its own encoder on HRF.

    tools/train.py configs/unet/unet_plain_hrf.py  # 16 images per step, 40000 steps

Expected: 79.45 Dice of the vessels (MMSegmentation's model zoo, 256x256, 40k steps, sliding windows).
The network is MMSegmentation's: interpolation instead of transposed convolutions, and an auxiliary loss. From scratch.
"""

_base_ = ["../_base_/models/unet_fcn.py", "../_base_/datasets/hrf.py", "../_base_/schedules/sgd_poly.py"]

train = dict(max_steps=40000)
test = dict(mode="slide", window=(256, 256), stride=(170, 170))
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=4000), checkpoint=dict(interval=4000))
