"""MaskFormer (https://arxiv.org/abs/2107.06278) on ResNet-50, whose batch norms are frozen."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="plain", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="MaskFormerHead",
        channels=256,
        mask_channels=256,
        num_queries=100,
        num_layers=6,
        hidden=2048,
        num_heads=8,
        dropout=0.1,
        loss=dict(
            type="MaskLoss",
            class_loss_weight=1.0,
            mask_loss_weight=20.0,
            dice_loss_weight=1.0,
            num_points=None,  # all pixels
            form="focal",
        ),
    ),
    auxiliary_head=None,
    norm="frozen",
)
