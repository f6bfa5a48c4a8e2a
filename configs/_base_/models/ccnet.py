"""CCNet (https://arxiv.org/abs/1811.11721) on ResNet-101 at stride 8, its attention used twice."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="101", stem="S", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="CCNetHead",
        channels=512,
        recurrence=2,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
