"""OCRNet (https://arxiv.org/abs/1909.11065) on ResNet-101 at stride 8. The head also has the coarse loss."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="101", stem="S", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="OCRHead",
        channels=512,
        key_channels=256,
        coarse_level=-2,
        coarse_loss_weight=0.4,
        dropout=0.05,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
