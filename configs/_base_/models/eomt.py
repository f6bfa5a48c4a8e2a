"""EoMT (https://arxiv.org/abs/2503.19108) on DINOv2's ViT-S with registers, its patches resampled from 14 to 16 pixels.

`model.backbone.pretrained=True` downloads the weights; without them training takes far longer and ends lower.
`model.backbone.model_arguments.img_size` is the size of the crops: there, positions need no resampling.
"""

model = dict(
    type="EncoderDecoder",
    backbone=dict(
        type="Timm",
        name="vit_small_patch14_reg4_dinov2.lvd142m",
        pretrained=False,
        model_arguments=dict(patch_size=16, img_size=512),
    ),
    neck=None,
    decode_head=dict(type="EoMTHead", num_queries=100, num_blocks=3, loss=dict(type="MaskLoss")),
    auxiliary_head=None,
)
