"""U-Net (https://arxiv.org/abs/1505.04597) with its own encoder on Cityscapes.

    tools/train.py configs/unet/unet_plain_cityscapes.py  # 16 images per step, 160000 steps

Expected: 69.10 mIoU (MMSegmentation's model zoo, 512x1024, 160k steps, single scale).
The network is MMSegmentation's: interpolation instead of transposed convolutions, and an auxiliary loss. From scratch.
"""

_base_ = ["../_base_/models/unet_fcn.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

data = dict(batch_size=16)
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
