"""OCRNet (https://arxiv.org/abs/1909.11065) on HRNet of width 18. The head also has the coarse loss."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="HRNet", variant="18", concat=True, by_factor=True, in_channels=3),
    neck=None,
    decode_head=dict(
        type="OCRHead",
        channels=512,
        key_channels=256,
        coarse_level=-1,
        coarse_kernel=1,
        coarse_channels=270,  # of the concatenated maps: 15 times the width
        coarse_loss_weight=0.4,
        coarse_dropout=0.0,
        dropout=0.0,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=None,
)
