"""Mask2Former (https://arxiv.org/abs/2112.01527) on ResNet-50, whose batch norms are frozen."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="Mask2FormerHead",
        channels=256,
        mask_channels=256,
        num_queries=100,
        num_layers=9,
        hidden=2048,
        num_heads=8,
        pixel_layers=6,
        pixel_hidden=1024,
        num_points=4,
        loss=dict(type="MaskLoss"),
    ),
    auxiliary_head=None,
    norm="frozen",
)
