"""SETR-Naive (https://arxiv.org/abs/2012.15840) on ViT-L, with auxiliary heads on the maps of its blocks 6, 12 and 18.

MMSegmentation's auxiliary heads read blocks 10, 15 and 20.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="VisionTransformer", variant="large", in_channels=3, image_size=512, resize="bilinear"),
    backbone_weights="timm://vit_large_patch16_384.augreg_in21k_ft_in1k",
    neck=None,
    decode_head=dict(
        type="SETRUPHead",
        level=-1,
        channels=256,
        num_convs=1,
        kernel=1,
        scale=4,
        dropout=0.0,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=[
        dict(
            type="SETRUPHead",
            level=-4,
            channels=256,
            num_convs=2,
            kernel=1,
            scale=4,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
        dict(
            type="SETRUPHead",
            level=-3,
            channels=256,
            num_convs=2,
            kernel=1,
            scale=4,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
        dict(
            type="SETRUPHead",
            level=-2,
            channels=256,
            num_convs=2,
            kernel=1,
            scale=4,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
    ],
)
