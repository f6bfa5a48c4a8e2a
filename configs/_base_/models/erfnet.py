"""ERFNet (https://ieeexplore.ieee.org/document/8063438), with mmsegmentation's head."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ERFNet", variant="1.0", dropout=0.1, in_channels=3),
    neck=None,
    decode_head=dict(type="FCNHead", channels=128, loss=dict(type="CrossEntropyLoss")),
    auxiliary_head=None,
)
