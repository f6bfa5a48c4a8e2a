"""Fast-SCNN (https://arxiv.org/abs/1902.04502) on Cityscapes, from random weights.

    tools/train.py configs/fastscnn/fast_scnn_cityscapes.py  # 32 images per step, 160000 steps

Expected: 70.96 mIoU (MMSegmentation's model zoo, 512x1024, 160k steps, single scale).
The losses of that model are binary cross entropies of each class; here they are cross entropies, as in the paper.
"""

_base_ = ["../_base_/models/fast_scnn.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/sgd_poly.py"]

data = dict(batch_size=32)
optimizer = dict(lr=0.12, weight_decay=4e-5)
train = dict(max_steps=160000)
hooks = dict(lr_schedule=dict(min_lr=1e-4), evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
