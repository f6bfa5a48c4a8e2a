"""DANet (https://arxiv.org/abs/1809.02983) on ResNet-50 at stride 8, with a loss for each of the two attentions."""

model = dict(
    type="EncoderDecoder",
    backbone=dict(type="ResNet", variant="50", stem="S", output_stride=8, in_channels=3),
    neck=None,
    decode_head=dict(
        type="DANetHead",
        channels=512,
        supervise_branches=True,
        dropout=0.1,
        loss=dict(type="CrossEntropyLoss"),
    ),
    auxiliary_head=dict(type="FCNHead", level=-2, loss=dict(type="CrossEntropyLoss", loss_weight=0.4)),
)
