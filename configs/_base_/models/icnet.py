"""ICNet (https://arxiv.org/abs/1704.08545) with its two auxiliary losses, as MMSegmentation has it."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ICNet", variant="50", in_channels=3),
    neck=None,
    decode_head=dict(type="FCNHead", channels=128, dropout=0.0, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=[
        dict(type="FCNHead", level=0, channels=128, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
        dict(type="FCNHead", level=1, channels=128, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
    ],
)
