"""ISANet (https://arxiv.org/abs/1907.12273) on ResNet-50 at stride 8."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="ISAHead",
        channels=512,
        key_channels=256,
        window=(8, 8),
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
