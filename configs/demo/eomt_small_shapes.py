"""EoMT-S (https://arxiv.org/abs/2503.19108) on generated shapes, from nothing, in patches of 8 pixels.

    tools/train.py configs/demo/eomt_small_shapes.py  # two CPU cores

Expected: 57.2 mIoU (our own measurement, one seed, fp32; docs/results.md has it beside a linear head).
"""

_base_ = ["../_base_/models/eomt.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_eomt.py"]

crop_size = (64, 64)
model = dict(
    backbone=dict(name="vit_small_patch16_224", model_arguments=dict(patch_size=8, img_size=64)),
    decode_head=dict(num_queries=32, num_blocks=3, loss=dict(num_points=1024)),
)
data = dict(
    batch_size=8,
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
optimizer = dict(lr=3e-4, layer_decay=1.0)
train = dict(max_steps=347, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(warmup_steps=50, backbone_warmup_steps=50),
    log=dict(interval=20),
    evaluate=dict(interval=100),
    checkpoint=dict(interval=100),
)
