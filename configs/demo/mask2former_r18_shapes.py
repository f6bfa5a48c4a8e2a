"""Mask2Former (https://arxiv.org/abs/2112.01527) with 32 queries and ResNet-18 on generated shapes, from nothing.

    tools/train.py configs/demo/mask2former_r18_shapes.py  # two CPU cores

Expected: 52.7 mIoU (our own measurement, one seed, fp32; docs/results.md has it beside a linear head).
"""

_base_ = ["../_base_/models/mask2former.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(variant="18"),
    decode_head=dict(num_queries=32, loss=dict(num_points=1024)),
    norm=None,  # batch norms are trained, as nothing is pretrained
)
data = dict(batch_size=4)
optimizer = dict(lr=3e-4, head_lr_mult=1.0, decay_norms=False)
train = dict(max_steps=289, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(power=0.9, warmup_steps=50),
    log=dict(interval=20),
    evaluate=dict(interval=100),
    checkpoint=dict(interval=100),
)
