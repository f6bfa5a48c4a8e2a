"""UPerNet (https://arxiv.org/abs/1807.10221) on ResNet-50, with the auxiliary loss that its successors add."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=32, in_channels=3),
    neck=None,
    decode_head=dict(
        type="UPerHead",
        channels=512,
        pool_scales=(1, 2, 3, 6),
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, channels=256, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
