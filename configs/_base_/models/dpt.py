"""DPT (https://arxiv.org/abs/2103.13413) on ViT-B/16, with the class token mixed into each of four maps."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(
        type="VisionTransformer", variant="base", in_channels=3, image_size=224, class_token="joined", eps=1e-5
    ),
    backbone_weights="timm://vit_base_patch16_224.augreg2_in21k_ft_in1k",
    neck=None,
    decode_head=dict(
        type="DPTHead",
        channels=256,
        level_channels=(96, 192, 384, 768),
        readout=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
