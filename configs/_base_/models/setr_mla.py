"""SETR-MLA (https://arxiv.org/abs/2012.15840) on ViT-L without its class token. Auxiliary heads read the neck."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(
        type="VisionTransformer", variant="large", in_channels=3, image_size=512, resize="bilinear", class_token="out"
    ),
    backbone_weights="timm://vit_large_patch16_384.augreg_in21k_ft_in1k",
    neck=dict(type="MLANeck", channels=256),
    decode_head=dict(type="SETRMLAHead", channels=128, scale=4, dropout=0.0, loss=dict(type="CrossEntropyLoss")),
    auxiliary_maps="neck",
    auxiliary_head=[
        dict(
            type="FCNHead",
            level=-4,
            num_convs=0,
            kernel=1,
            dropout=0.0,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
        dict(
            type="FCNHead",
            level=-3,
            num_convs=0,
            kernel=1,
            dropout=0.0,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
        dict(
            type="FCNHead",
            level=-2,
            num_convs=0,
            kernel=1,
            dropout=0.0,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
        dict(
            type="FCNHead",
            level=-1,
            num_convs=0,
            kernel=1,
            dropout=0.0,
            loss=dict(type="CrossEntropyLoss", loss_weight=0.4),
        ),
    ],
)
