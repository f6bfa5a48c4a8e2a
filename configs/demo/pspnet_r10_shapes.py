"""PSPNet (https://arxiv.org/abs/1612.01105) with a small ResNet-10 on generated shapes: trained in two minutes.

    tools/train.py configs/demo/pspnet_r10_shapes.py  # two CPU cores; `make demo` also installs, tests and draws

Expected: above 80 mIoU (our own measurement, from nothing, on 100 generated images).
"""

_base_ = ["../_base_/models/pspnet_r50.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_poly.py"]

model = dict(backbone=dict(variant="10-half", stem="plain"), decode_head=dict(channels=128))
optimizer = dict(lr=0.002, head_lr_mult=1.0)
train = dict(max_steps=450)
hooks = dict(
    lr_schedule=dict(power=0.9, warmup_steps=20),
    log=dict(interval=20),
    evaluate=dict(interval=150),
    checkpoint=dict(interval=150),
)
