"""EMANet (https://arxiv.org/abs/1907.13426) on ResNet-50 at stride 8."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="EMAHead",
        channels=256,
        attention_channels=512,
        num_bases=64,
        iterations=3,
        momentum=0.1,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
