"""Semantic FPN (https://arxiv.org/abs/1901.02446) on ResNet-50 and a feature pyramid."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="plain", output_stride=32, in_channels=3),
    neck=dict(type="FPN", channels=256, levels=None),
    decode_head=dict(
        type="FPNHead",
        channels=128,
        norm="GN",
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
