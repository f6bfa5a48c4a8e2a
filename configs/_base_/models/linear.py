"""A linear layer on DINOv2's ViT-S/14 (https://arxiv.org/abs/2304.07193), whose features should stay frozen.

`model.backbone.pretrained=True` downloads the weights; without them the head has no useful features.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="Timm", name="vit_small_patch14_dinov2.lvd142m", pretrained=False, in_channels=3),
    neck=None,
    decode_head=dict(type="LinearHead", loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
