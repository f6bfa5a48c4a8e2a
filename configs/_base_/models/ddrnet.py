"""DDRNet-23-slim (https://arxiv.org/abs/2101.06085), with losses on hard pixels."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="DDRNet", variant="23-slim", in_channels=3),
    neck=None,
    decode_head=dict(
        type="DDRHead", channels=64, loss=dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.9, min_kept=21845)
    ),
    auxiliary_head=dict(
        type="DDRHead",
        level=0,
        channels=64,
        loss=dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.9, min_kept=21845, loss_weight=0.4),
    ),
)
