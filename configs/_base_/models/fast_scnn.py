"""Fast-SCNN (https://arxiv.org/abs/1902.04502), with auxiliary heads on what it joins."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="FastSCNN", variant="1.0", inner_maps=True, in_channels=3),
    neck=None,
    decode_head=dict(type="SeparableFCNHead", level=1, channels=128, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=[
        dict(type="FCNHead", level=2, channels=32, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
        dict(type="FCNHead", level=0, channels=32, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
    ],
)
