"""Segmenter (https://arxiv.org/abs/2105.05633) on ViT-T/16."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(
        type="VisionTransformer",
        variant="tiny",
        in_channels=3,
        image_size=512,
        out_indices=(-1,),
        final_norm=True,
        drop_path=0.1,
    ),
    backbone_weights="timm://vit_tiny_patch16_384.augreg_in21k_ft_in1k",
    neck=None,
    decode_head=dict(type="SegmenterHead", depth=2, drop_path=0.1, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
