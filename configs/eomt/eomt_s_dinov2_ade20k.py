"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv2's ViT-S on ADE20K.

    tools/train.py configs/eomt/eomt_s_dinov2_ade20k.py  # 16 images per step, 31 epochs

No number is published for this size with DINOv2; with DINOv3: 46.6 mIoU (LightlyTrain 0.11.3), no more than a linear
head on the frozen network (47.0). EoMT pays from ViT-B on.
"""

_base_ = ["../_base_/models/eomt.py", "../_base_/datasets/ade20k.py", "../_base_/schedules/adamw_eomt.py"]

model = dict(backbone=dict(pretrained=True))
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0), short="${short_side}", long="${long_side}"),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ]
    )
)
train = dict(max_steps=39122)
test = dict(mode="slide", window=(512, 512), stride=(512, 512))
