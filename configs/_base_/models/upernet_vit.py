"""UPerNet (https://arxiv.org/abs/1807.10221) on ViT-B/16, whose four maps MultiLevelNeck brings to four strides."""

_base_ = "upernet.py"

model = dict(
    backbone=dict(
        type="VisionTransformer", variant="base", in_channels=3, image_size=512, final_norm=True, drop_path=0.1
    ),
    backbone_weights="timm://vit_base_patch16_224.augreg2_in21k_ft_in1k",
    neck=dict(type="MultiLevelNeck", strides=(4, 8, 16, 32)),
    auxiliary_maps="neck",
    auxiliary_head=dict(level=-1),
)
