"""ERFNet (https://ieeexplore.ieee.org/document/8063438) on Cityscapes, from random weights.

    tools/train.py configs/erfnet/erfnet_cityscapes.py  # 16 images per step, 160000 steps

Expected: 72.50 mIoU (MMSegmentation's model zoo, 512x1024, 160k steps, single scale).
"""

_base_ = ["../_base_/models/erfnet.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

data = dict(batch_size=16)
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
