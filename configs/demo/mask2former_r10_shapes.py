"""Mask2Former (https://arxiv.org/abs/2112.01527), made small, with a small ResNet-10 on generated shapes.

    tools/train.py configs/demo/mask2former_r10_shapes.py  # two CPU cores

Expected: no published number was found for this setting. docs/results.md has a short run of it.
"""

_base_ = ["../_base_/models/mask2former.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(variant="10-half"),
    decode_head=dict(
        channels=64,
        mask_channels=64,
        num_queries=20,
        num_layers=3,
        hidden=256,
        num_heads=4,
        pixel_layers=2,
        pixel_hidden=128,
        loss=dict(num_points=1024),
    ),
    norm=None,  # batch norms are trained, as nothing is pretrained
)
optimizer = dict(lr=0.001, head_lr_mult=1.0, decay_norms=False)
train = dict(max_steps=450, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(power=0.9, warmup_steps=50),
    log=dict(interval=20),
    evaluate=dict(interval=150),
    checkpoint=dict(interval=150),
)
