"""EoMT (https://arxiv.org/abs/2503.19108) with DINOv2's ViT-L on Cityscapes.

    tools/train.py configs/eomt/eomt_l_dinov2_cityscapes.py  # 16 images per step, 107 epochs

Expected: 84.2 mIoU, single scale (https://github.com/tue-mps/eomt, model_zoo).
"""

_base_ = ["../_base_/models/eomt.py", "../_base_/datasets/cityscapes.py", "../_base_/schedules/adamw_eomt.py"]

crop_size = (1024, 1024)
model = dict(
    backbone=dict(
        name="vit_large_patch14_reg4_dinov2.lvd142m",
        pretrained=True,
        model_arguments=dict(patch_size=16, img_size=1024),
    ),
    decode_head=dict(num_blocks=4),
)
data = dict(
    train=dict(
        pipeline=[
            dict(type="RandomResize", ratio_range=(0.5, 2.0)),
            dict(type="RandomCrop", size="${crop_size}"),
            dict(type="RandomFlip"),
            dict(type="PhotoMetricDistortion"),
        ]
    ),
    batch_size=16,
)
train = dict(max_steps=19902)
test = dict(mode="slide", window=(1024, 1024), stride=(1024, 1024))
