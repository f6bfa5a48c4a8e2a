"""A small PSPNet on generated shapes: the whole road in two minutes on two CPU cores.

    make demo        # or: tools/train.py configs/demo/pspnet_r18_shapes.py

Expected: above 80 mIoU (our own measurement on 100 generated images).
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/shapes.py", "../_base_/schedules/sgd_poly.py"]

model = dict(backbone=dict(variant="18", stem="plain"), decode_head=dict(channels=128))
optimizer = dict(lr=0.02)
train = dict(max_steps=300)
hooks = dict(
    lr=dict(warmup=20),
    log=dict(interval=20),
    evaluate=dict(interval=100),
    checkpoint=dict(interval=100),
)
