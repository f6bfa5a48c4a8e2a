"""SegFormer (https://arxiv.org/abs/2105.15203) with PVTv2 B2 on ADE20K.

    tools/train.py configs/segformer/segformer_pvt_v2_b2_ade20k.py  # 16 images per step, 160000 steps

Expected: no published number was found for this setting.
PVTv2 (https://arxiv.org/abs/2106.13797) has almost the same blocks as Mix Transformer B2, whose ImageNet weights are
for non-commercial use only. These weights are free (Apache-2.0). Needs timm.
"""

_base_ = ["../_base_/models/segformer.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_poly.py"]

model = dict(
    backbone=dict(
        _delete_=True,
        type="Timm",
        name="pvt_v2_b2.in1k",
        pretrained=True,
        in_channels=3,
        model_arguments=dict(drop_path_rate=0.1),
    ),
    decode_head=dict(channels=768),
)
train = dict(max_steps=160000)
hooks = dict(evaluate=dict(interval=16000), checkpoint=dict(interval=16000))
