"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv2's ViT-S on ADE20K.

    tools/train.py configs/eomt/eomt_s_dinov2_ade20k.py  # 16 images per step, 31 epochs

Expected: about 46.6 mIoU, published for DINOv3's ViT-S (LightlyTrain 0.11.3); nobody has published one for DINOv2's. A
linear head on the frozen network is as good (47.0): EoMT pays from ViT-B on.
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
