"""SAN (https://arxiv.org/abs/2302.12242) on CLIP's ViT-B/16, which is frozen."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(
        type="VisionTransformer",
        variant="base",
        in_channels=3,
        image_size=224,
        patch=16,
        image_scale=0.5,
        first_norm=True,
        final_norm=True,
        activation="quick_gelu",
        eps=1e-5,
    ),
    backbone_weights="timm://vit_base_patch16_clip_224.openai",
    freeze_backbone=True,
    neck=None,
    decode_head=dict(type="SANHead", num_queries=100, loss=dict(type="MaskLoss", void="background")),
    auxiliary_head=None,
)
