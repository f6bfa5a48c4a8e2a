"""A linear layer on DINOv2's ViT-S/14 (https://arxiv.org/abs/2304.07193), whose features are meant to stay frozen.

`model.backbone.pretrained=True` downloads the weights; without them there is nothing to probe.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="Timm", name="vit_small_patch14_dinov2.lvd142m", pretrained=False, in_channels=3),
    neck=None,
    decode_head=dict(type="LinearHead", loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
