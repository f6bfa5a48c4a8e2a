"""UPerNet (https://arxiv.org/abs/1807.10221) with ConvNeXt-T on ADE20K.

    tools/train.py configs/upernet/upernet_convnext_t_ade20k.py  # 16 images per step, 160000 steps

Expected: 46.11 mIoU (MMSegmentation's model zoo, 512x512, 160k steps, single scale).
Needs timm. The rates of the four stages are those of that recipe: 1e-4 times 0.9^6, 0.9^5, 0.9^4 and 0.9^3.
"""

_base_ = ["../_base_/models/upernet.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(
        type="Timm",
        name="convnext_tiny.fb_in1k",
        pretrained=True,
        in_channels=3,
        model_arguments=dict(drop_path_rate=0.4),
        map_norm=1e-6,
    )
)
optimizer = dict(lr=7.29e-5, weight_decay=0.05, head_lr_mult=1.3717, layer_decay=0.9)
train = dict(max_steps=160000, precision="fp16")
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
