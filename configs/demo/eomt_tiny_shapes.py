"""EoMT (https://arxiv.org/abs/2503.19108) with a tiny transformer on generated shapes, from nothing.

tools/train.py configs/demo/eomt_tiny_shapes.py  # two CPU cores

Expected: see docs/results.md.
"""

_base_ = ["../_base_/models/eomt.py", "../_base_/datasets/shapes.py", "../_base_/schedules/adamw_eomt.py"]

model = dict(
    backbone=dict(
        name="vit_tiny_patch16_224",
        model_arguments=dict(patch_size=8, img_size=(96, 128), embed_dim=96, depth=6, num_heads=3, init_values=None),
    ),
    decode_head=dict(num_queries=20, num_blocks=2),
)
optimizer = dict(lr=1e-3, layer_decay=1.0)
train = dict(max_steps=1500, clip_grad=1.0)
hooks = dict(
    lr_schedule=dict(warmup_steps=50, backbone_warmup_steps=50),
    log=dict(interval=50),
    evaluate=dict(interval=300),
    checkpoint=dict(interval=300),
)
