"""BiSeNetV2 (https://arxiv.org/abs/2004.02147) on Cityscapes, from random weights.

    tools/train.py configs/bisenetv2/bisenetv2_cityscapes.py  # 16 images per step, 160000 steps

Expected: 73.21 mIoU (MMSegmentation's model zoo, 1024x1024, 160k steps, single scale); 75.76 with 32 images per step.
"""

_base_ = ["../_base_/models/bisenetv2.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

crop_size = (1024, 1024)

data = dict(batch_size=16)
optimizer = dict(lr=0.05)
train = dict(max_steps=160000)
hooks = dict(
    lr_schedule=dict(min_lr=1e-4, warmup_steps=1000, warmup_ratio=0.1),
    evaluate=dict(interval=16000),
    checkpoint=dict(interval=16000),
)
