"""PIDNet-S (https://arxiv.org/abs/2206.02066), with a loss on hard pixels; that on borders is the head's."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="PIDNet", variant="s", in_channels=3),
    neck=None,
    decode_head=dict(
        type="PIDHead",
        channels=128,
        border_loss_weight=20.0,
        loss=dict(type="OHEMThresholdCrossEntropyLoss", threshold=0.9, min_kept=21845),
    ),
    auxiliary_head=dict(type="DDRHead", level=0, channels=128, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
    align_corners=True,
)
