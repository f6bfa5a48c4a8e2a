"""EoMT (https://arxiv.org/abs/2503.19108) with a tiny transformer on generated shapes, from nothing.

    tools/train.py configs/demo/eomt_tiny_shapes.py  # two CPU cores

Expected: 47.7 mIoU after 134 steps, a minute of one core (train.max_steps=134; our own measurement, one seed). Nobody
has measured the whole run.
"""

_base_ = ["../_base_/models/eomt.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_eomt.py"]

crop_size = (64, 64)
model = dict(
    backbone=dict(
        name="vit_tiny_patch16_224",
        model_arguments=dict(patch_size=8, img_size=64, embed_dim=64, depth=4, num_heads=2),
    ),
    decode_head=dict(num_queries=12, num_blocks=2, loss=dict(num_points=512)),
)
data = dict(
    train=dict(
        size="${crop_size}",
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.9, 1.25)),
            dict(type="RandomCrop", size="${crop_size}", cat_max_ratio=0.9),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    val=dict(size="${crop_size}"),
)
optimizer = dict(lr=1e-3, layer_decay=1.0)
train = dict(max_steps=3000, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(warmup_steps=20, backbone_warmup_steps=20),
    log=dict(interval=50),
    evaluate=dict(interval=500),
    checkpoint=dict(interval=1000),
)
