"""Non-local networks (https://arxiv.org/abs/1711.07971) on ResNet-50 at stride 8, with one block, in the head."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="C", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="NonLocalHead",
        channels=512,
        reduction=2,
        mode="embedded_gaussian",
        use_scale=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
